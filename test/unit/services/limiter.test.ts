import { Limiter } from '../../../src/services/limiter';

/** Work that ends when it is told to. */
function held() {
  let end = () => {};
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { ended, end };
}
const never = new AbortController().signal;

test('work past the limit waits, and starts in the order in which it came', async () => {
  const limiter = new Limiter(2);
  const started: number[] = [];
  const works = [0, 1, 2, 3].map(() => held());
  const all = works.map(({ ended }, i) =>
    limiter.run(never, () => {
      started.push(i);
      return ended;
    }),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  works[1]!.end();
  await all[1];
  await Promise.resolve();
  expect(started).toEqual([0, 1, 2]);
  for (const { end } of works) end();
  await Promise.all(all);
  expect(started).toEqual([0, 1, 2, 3]);
});

test('work that fails makes room, and so does work that is given up while it waits', async () => {
  const limiter = new Limiter(1);
  const first = held();
  const running = limiter.run(never, () => first.ended);
  const given = new AbortController();
  const waiting = limiter.run(given.signal, () => Promise.resolve('never'));
  const last = limiter.run(never, () => Promise.reject(new Error('no')));
  given.abort(new Error('given up'));
  await expect(waiting).rejects.toThrow('given up');
  first.end();
  await running;
  await expect(last).rejects.toThrow('no');
  expect(await limiter.run(never, () => Promise.resolve(1))).toBe(1);
});
