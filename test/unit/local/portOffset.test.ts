import { join } from 'node:path';
import { choosePorts } from '../../../src/local/ports';
import project from '../../../sluice.config';
import { FILES_WITH_STACK, portOffset } from '../../support/portOffset';

test('no two test files use one port, nor one that the system gives to whoever asks for any', () => {
  const services = (project.projects ?? []).flatMap((system) => system.services ?? []);
  const servicePorts = services.map(({ port }) => port).filter((port) => port !== undefined);
  const owners = new Map<number, string>();
  for (const file of FILES_WITH_STACK) {
    const offset = portOffset(join(__dirname, '..', '..', '..', file));
    const ports: number[] = [
      ...Object.values(choosePorts(offset)),
      ...servicePorts.map((port) => port + offset),
    ];
    for (const port of ports) {
      expect([port, owners.get(port) ?? file]).toEqual([port, file]);
      expect(port).toBeLessThan(32_768);
      owners.set(port, file);
    }
  }
  expect(owners.size).toBeGreaterThan(200);
});
