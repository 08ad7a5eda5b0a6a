import { randomUUID } from 'node:crypto';
import { ServiceFault, type ServiceDouble } from './double';

interface Statement {
  Id: string;
  token: string;
  sqls: string[];
  isBatch: boolean;
  name: string | undefined;
  state: string;
  created: Date;
  updated: Date;
}

interface Input {
  Sql?: string;
  Sqls?: string[];
  ClientToken?: string;
  Database?: string;
  StatementName?: string;
}

const ENDED = ['FINISHED', 'FAILED', 'ABORTED'];

/** The Redshift Data API's statements. */
export class RedshiftDataDouble implements ServiceDouble {
  readonly service = 'redshift-data';
  readonly statements = new Map<string, Statement>();
  /** What GetStatementResult answers, a page an entry. */
  pages: object[][][] = [[[{ stringValue: 'monday' }, { longValue: 3 }]]];
  columns = ['day', 'leads'];
  /** How many statements a page of ListStatements has at most. */
  pageSize = 100;
  /** The ids whose results were asked for. */
  readonly asked: string[] = [];

  readonly handlers = {
    ExecuteStatement: (input: Input) => this.start(input, [input.Sql!], false),
    BatchExecuteStatement: (input: Input) => this.start(input, input.Sqls!, true),
    DescribeStatement: ({ Id }: { Id: string }) => this.seen(this.find(Id)),
    GetStatementResult: ({ Id, NextToken }: { Id: string; NextToken?: string }) => {
      this.asked.push(Id);
      const at = Number(NextToken ?? 0);
      return {
        Records: this.pages[at] ?? [],
        ColumnMetadata: this.columns.map((name) => ({ name, label: name })),
        TotalNumRows: this.pages.flat().length,
        ...(at + 1 < this.pages.length ? { NextToken: String(at + 1) } : {}),
      };
    },
    ListStatements: ({ StatementName = '', NextToken }: { StatementName?: string; NextToken?: string }) => {
      const at = Number(NextToken ?? 0);
      const all = [...this.statements.values()].filter(({ name }) => name?.startsWith(StatementName));
      return {
        Statements: all.slice(at, at + this.pageSize).map(({ Id, name, created, state }) => ({
          ...{ Id, StatementName: name, CreatedAt: created },
          Status: state === 'STOPPING' ? 'STARTED' : state,
        })),
        ...(at + this.pageSize < all.length ? { NextToken: String(at + this.pageSize) } : {}),
      };
    },
    CancelStatement: ({ Id }: { Id: string }) => {
      const statement = this.find(Id);
      if (ENDED.includes(statement.state))
        throw new ServiceFault(
          'ValidationException',
          `a statement that is ${statement.state} cannot be cancelled`,
        );
      statement.state = 'STOPPING';
      return { Status: true };
    },
  };

  readonly control = {
    started: () => this.statements.size,
    running: () => [...this.statements.values()].filter(({ state }) => !ENDED.includes(state)).length,
    move: (state: string) => {
      [...this.statements.values()].at(-1)!.state = state;
    },
    forget: () => this.statements.clear(),
  };

  private start(
    { ClientToken: token = randomUUID(), StatementName: name }: Input,
    sqls: string[],
    isBatch: boolean,
  ) {
    const earlier = [...this.statements.values()].find((statement) => statement.token === token);
    const Id = earlier?.Id ?? randomUUID();
    const now = new Date();
    if (!earlier) {
      const rest = { name, sqls, isBatch, state: 'SUBMITTED', created: now, updated: now };
      this.statements.set(Id, { Id, token, ...rest });
    }
    return { Id, CreatedAt: earlier?.created ?? now };
  }

  private find(id: string): Statement {
    const statement = this.statements.get(id);
    if (!statement) throw new ServiceFault('ResourceNotFoundException', `Query ${id} does not exist`);
    return statement;
  }

  /** A statement that was asked to stop is seen as before once. */
  private seen(statement: Statement) {
    const { Id, sqls, isBatch, created, updated } = statement;
    const Status = statement.state === 'STOPPING' ? 'STARTED' : statement.state;
    if (statement.state === 'STOPPING') statement.state = 'ABORTED';
    const isFinished = Status === 'FINISHED';
    const hasRows = (sql: string) => isFinished && /^select/i.test(sql);
    return {
      Id,
      Status,
      CreatedAt: created,
      UpdatedAt: updated,
      Duration: isFinished ? 250_000_000 : -1,
      ResultRows: isFinished && !isBatch ? 2 : -1,
      ResultSize: isFinished ? 64 : -1,
      HasResultSet: sqls.some(hasRows),
      ...(Status === 'FAILED' ? { Error: 'the service says: no such column' } : {}),
      ...(isBatch
        ? {
            SubStatements: sqls.map((sql, i) => ({
              Id: `${Id}:${i + 1}`,
              QueryString: sql,
              HasResultSet: hasRows(sql),
              ResultRows: hasRows(sql) ? 2 : -1,
            })),
          }
        : {}),
    };
  }
}
