import { showBoth } from './both.ts'
import { showPerson } from './person.ts'

// `/?user=alice` is one person; without it, both are shown side by side.
const user = new URLSearchParams(location.search).get('user')
if (user) void showPerson(user)
else showBoth(['alice', 'bob'])

navigator.serviceWorker?.register('/service-worker.js').catch(() => {
  // Without it, the pages cannot be reloaded while the server is down. All else works.
})
