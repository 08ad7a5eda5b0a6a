import { scriptFailed } from '../../../src/runners/scriptFailure';

test.each([
  ['BadData: sales.csv: no column "date"', 'BadData'],
  ['SystemExit: BadData: sales.csv', 'BadData'],
  ['Traceback (most recent call last):\nObjectGone: sales.csv', 'ObjectGone'],
])('what a script says of its input is the code of its failure: %j', (reason, code) => {
  expect(scriptFailed('Livy batch 7 is dead', reason)).toEqual({
    state: 'failed',
    message: 'Livy batch 7 is dead',
    code,
  });
});

test.each(['ValueError: NotBadData: 5', 'no word of BadData', ''])('%j has no code of its own', (reason) => {
  expect(scriptFailed('Livy batch 7 is dead', reason)).toEqual({
    state: 'failed',
    message: 'Livy batch 7 is dead',
  });
});
