import { DATA_COMMANDS } from './data-commands.ts'
import { flagOf, SETTINGS, type Setting, variableOf } from './settings.ts'

const WIDTH = 34

export function helpText(): string {
  const options = SETTINGS.map(line).join('\n')
  const commands = Object.entries(DATA_COMMANDS)
    .map(([name, { argument, help }]) => {
      const [first, ...more] = help.split('\n')
      const head = `${pad(argument ? `${name} ${argument}` : name)}${first}`
      return [head, ...more.map(text => `${pad('')}${text}`)].join('\n')
    })
    .join('\n')
  return `Usage: y-conversations-server [options]
       y-conversations-server token --identity alice [--expires 1h] [options]
       y-conversations-server <command> --storage <place> [options]

Keeps conversations and carries them between clients. With the first word \`token\` it prints a token for development.

Commands, for the data of a server that does not run:
${commands}

Options (flag, or variable in the environment, or in the file under the name of the flag in camelCase):
${pad('--config <path>')}a JSON file with settings; flags and the environment come before it
${pad('')}${variableOf('config')}
${options}
${pad('--help, --version')}

Without tokens (a secret or jwks) it serves this machine only, unless --insecure is given.
`
}

function line({ name, value, help, isSecret }: Setting): string {
  const flag = `--${flagOf(name)}${value ? ` <${value}>` : ''}`
  const where = isSecret ? `(no flag: "${name}" in the file, or the variable)` : flag
  const first = isSecret ? `  ${where}\n${pad('')}${help}` : `${pad(where)}${help}`
  return `${first}\n${pad('')}${variableOf(name)}`
}

const pad = (text: string) => `  ${text}`.padEnd(WIDTH)
