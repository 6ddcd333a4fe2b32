/** The command line of a server process: `--config FILE`, `-D name=value`, and what the server adds. */
import { Command } from 'commander';
import { type Configuration, loadConfiguration } from './config/configuration.js';
import { DfsError } from './errors.js';

/** What commander makes of the options that every server has. */
export interface ServerOptions {
  readonly config?: string;
  readonly D?: Readonly<Record<string, string>>;
}

export function serverCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option('--config <file>', 'a YAML file with settings')
    .option('-D <name=value>', 'a setting; wins over the file; may be given more than once', collectSetting)
    .helpOption('-h, --help', 'print this help')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, `${name.replace(/^dfs /, '')}: `)),
    })
    .allowExcessArguments(false);
}

/** @throws DfsError `InvalidConfiguration`. */
export function configurationOf({ config, D = {} }: ServerOptions): Configuration {
  return loadConfiguration({ file: config, overrides: D });
}

function collectSetting(text: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new DfsError('InvalidConfiguration', `-D takes name=value, not "${text}"`);
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}
