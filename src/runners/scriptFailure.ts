import type { JobState } from './runner';

/** What a script says in its last line of input that it cannot use, in this form: `sluice_rows.py` and whoever does as it does. */
const SAID = /(?:^|[\s:])(BadData|ObjectGone): /m;

/** The failure of a script, with the code that the script itself has put before its reason. */
export function scriptFailed(message: string, reason = message): Extract<JobState, { state: 'failed' }> {
  const code = SAID.exec(reason)?.[1] as 'BadData' | 'ObjectGone' | undefined;
  return { state: 'failed', message, ...(code === undefined ? {} : { code }) };
}
