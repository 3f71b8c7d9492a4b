/** Resolves with what `getToken` gives; rejects also if it throws. */
export const askToken = (getToken: () => string | Promise<string>): Promise<string> =>
  new Promise(resolve => resolve(getToken()))
