declare module 'kinesalite' {
  import type { Server } from 'node:http';
  /** https://github.com/mhart/kinesalite */
  export default function kinesalite(options: { createStreamMs?: number; shardLimit?: number }): Server;
}
