/** One run of all figures of a mounted directory, as JSON: a process of its own, because the mount may be in another mount name space. */
import { type MountedInputs, mountedFigures } from '../cases/mounted.js';

const [mounted = '', inputs = ''] = process.argv.slice(2);
console.log(JSON.stringify(await mountedFigures(mounted, JSON.parse(inputs) as MountedInputs)));
