import { DfsError, messageOf, osErrorCode } from './errors.js';

/** Why a server cannot listen, as a user can act on it. */
export function listenError(error: unknown, host: string, port: number): DfsError {
  switch (osErrorCode(error)) {
    case 'EADDRINUSE':
      return new DfsError(
        'PortInUse',
        `Port ${port} on ${host} is in use by another program. Stop that program, or choose another port.`,
      );
    case 'EACCES':
      return new DfsError('InvalidConfiguration', `This user may not listen on port ${port}. Choose one above 1023.`);
    default:
      return new DfsError('InvalidConfiguration', `Cannot listen on ${host}:${port}: ${messageOf(error)}.`);
  }
}
