import { DuckDBInstance } from '@duckdb/node-api';
import { translateTrino, TRINO_SESSION } from '../../../src/engines/trino';
import { loadParser } from '../../../src/engines/trinoTree';
import { toText, toTrino } from '../../../src/engines/trinoTypes';
export async function ask(qs: string[], verbose=false) {
  await loadParser();
  const c = await (await DuckDBInstance.create(':memory:')).connect();
  for (const s of TRINO_SESSION) await c.run(s);
  const out: string[]=[];
  for (const q of qs) {
    try {
      const t = translateTrino(q, { database: 'default', find: () => null });
      try { const r = await c.runAndReadAll(`WITH result AS (${t.sql}) SELECT ${t.columns.map((x,i)=>toText(x.type,`c${i}`)).join(', ')} FROM result`);
      out.push(q+'\n   '+JSON.stringify(r.getRowsJson())+ '  '+t.columns.map(x=>toTrino(x.type)).join('|')); }
      catch(e) { out.push(q+'\n   DUCK '+(e as Error).message.split('\n')[0]+'\n   '+t.sql); }
    } catch (e) { out.push(q+'\n   ERR '+(e as Error).message+((e as any).code?'':(e as Error).stack)); }
  }
  return out;
}
