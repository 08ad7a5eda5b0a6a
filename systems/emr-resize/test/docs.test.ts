import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RESIZE_RULES } from '../src/advice/resizeRules';

const project = join(__dirname, '..');
const read = (...path: string[]) => readFileSync(join(project, ...path), 'utf8');

test("the README's table has every rule as it is, and no other", () => {
  const rows = read('README.md')
    .split('\n')
    .filter(
      (line) => /^\| `[a-z-]+` +\|/.test(line) && line.split('|').length === 5 && !line.includes('hdfs-site'),
    )
    .map((line) => line.split('|').map((cell) => cell.trim()));
  expect(rows.map(([, id, about, source]) => [id, about, source])).toEqual(
    RESIZE_RULES.map(({ id, about, source }) => [`\`${id}\``, about, source]),
  );
});

test('the policy allows what the tasks call, and nothing else', () => {
  const files = ['aws', 'tasks'].flatMap((folder) =>
    readdirSync(join(project, 'src', folder)).map((name) => read('src', folder, name)),
  );
  const called = files.flatMap((text) =>
    [...text.matchAll(/import \{([^}]*)\} from '@aws-sdk\/client-(emr|cloudwatch)'/g)].flatMap(
      ([, names, service]) =>
        [...names!.matchAll(/(\w+)Command\b/g)].map(
          ([, name]) => `${service === 'emr' ? 'elasticmapreduce' : 'cloudwatch'}:${name}`,
        ),
    ),
  );
  const policy = JSON.parse(read('iam', 'emr-resize.json')) as { Statement: { Action: string[] }[] };
  const allowed = policy.Statement.flatMap(({ Action }) => Action);
  expect([...new Set(called)].sort()).toEqual([...allowed].sort());
});
