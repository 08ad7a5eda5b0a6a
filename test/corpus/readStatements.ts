/** The corpus of statements: what each answers by the documentation that its section names. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CorpusStatement {
  kind: string;
  source: string;
  sql: string;
  /** Any of these; a failure is `ERROR` with how its message begins. */
  answers: string[];
}

const FOLDER = join(__dirname, 'statements');

/** `## kind URL`, and below it `statement => answer`: rows have ` ;; ` between them, values ` | `, and null is `NULL`. */
export function readStatements(): CorpusStatement[] {
  return readdirSync(FOLDER).flatMap((file) => readStatementFile(join(FOLDER, file)));
}

export function readStatementFile(file: string): CorpusStatement[] {
  let section = { kind: '', source: '' };
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      if (line === '') return [];
      if (line.startsWith('## ')) {
        const [, kind, source] = line.split(' ');
        section = { kind: kind!, source: source! };
        return [];
      }
      const at = line.lastIndexOf(' => ');
      const text = line.slice(0, at);
      const sql = /^(SELECT|WITH|VALUES)\b/.test(text) ? text : `SELECT ${text}`;
      return [
        {
          ...section,
          sql: sql.replace(' -- a comment', ' -- a comment\n'),
          answers: answersOf(line.slice(at + 4)),
        },
      ];
    });
}

/** `a|b`, without spaces, are two answers, of which either is right. */
function answersOf(text: string): string[] {
  return text.split(/(?<! )\|(?! )/);
}
