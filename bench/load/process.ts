/** A client process of the bench: takes jobs from its parent, one after the other, and answers with what they took. */
import { type Job, runJob } from './job.js';
import { openTarget, type TargetPlace } from './target.js';

const target = await openTarget(JSON.parse(process.argv[2] ?? '') as TargetPlace);
process.on('disconnect', () => process.exit());
process.on('message', (job: Job) => {
  runJob(target, job).then(
    (result) => process.send?.({ result }),
    (error: Error) => process.send?.({ error: `${job.operation} in ${job.directory}: ${error.message}` }),
  );
});
process.send?.('ready');
