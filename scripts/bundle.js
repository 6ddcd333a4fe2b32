/**
 * Puts the `dfs` command with the packages it uses into one file (`<dist>/bundle/dfs.cjs`), because most of the time of a short command is the time of finding and
 * loading some 250. What a verb loads later (`import()`) is run when it is loaded. `bin/load-bundle.js` loads the file. The build runs this: `node scripts/bundle.js <dist>`.
 */
import { readFile } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/**
 * Modules look for files beside themselves: .proto files, workers, the package's root. In the bundle, each says where it stands without one.
 * @param {string} dist
 * @returns {import('esbuild').Plugin}
 */
function ownPlaces(dist) {
  return {
    name: 'own places',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        const place = relative(dist, path);
        if (place.startsWith('..')) return undefined;
        const source = await readFile(path, 'utf8');
        const url = `placeInDist(${JSON.stringify(place.replaceAll(sep, '/'))})`;
        const contents = source.replaceAll('import.meta.url', url).replaceAll('import.meta.resolve', 'require.resolve');
        return { contents, loader: 'js' };
      });
    },
  };
}

/** Packages that stay where they are: those with native parts or workers, which look for files beside themselves, and what few commands need, or only sources that are not built. */
const APART = ['better-sqlite3', 'fuse-native', '@node-rs/crc32', 'pino', '@grpc/proto-loader', 'tsx'];

/** Files that mention their own place in functions that `dfs` never calls (reflection for a server, load reports), or in a comment. */
const MENTION_THEIR_PLACE = /(@grpc\/grpc-js\/build\/src\/(channelz|orca)|commander\/lib\/command)\.js$/;

/**
 * In the bundle there is no `__dirname`: what needs it has to stay apart.
 * @param {readonly string[]} files
 */
async function requireNoPlaces(files) {
  for (const file of files) {
    if (MENTION_THEIR_PLACE.test(file) || !/\b__(dir|file)name\b/.test(await readFile(file, 'utf8'))) continue;
    throw new Error(`${file} looks for files beside itself: its package cannot be in the bundle (scripts/bundle.js)`);
  }
}

const BANNER = `const placeInDist = (place) => require('node:url').pathToFileURL(require('node:path').join(__dirname, '..', place)).href;`;

/** @param {string} dist a complete build */
async function bundle(dist) {
  const { metafile } = await build({
    entryPoints: [join(dist, 'client/cli/main.js')],
    outfile: join(dist, 'bundle/dfs.cjs'),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // Names stay as they are: they stand in messages and stacks.
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: 'linked',
    banner: { js: BANNER },
    plugins: [ownPlaces(resolve(dist))],
    external: APART,
    // These are loaded with `require` then: a script that was compiled by hand has no `import()`.
    supported: { 'dynamic-import': false },
    charset: 'ascii',
    metafile: true,
    logLevel: 'warning',
  });
  await requireNoPlaces(Object.keys(metafile.inputs));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle(process.argv[2] ?? 'dist');
