import { createAuthenticate } from '../../../src/webhook/authenticate';

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
const authenticate = createAuthenticate(['new:secret', 'old-sécret'], true);

test.each([
  { authorization: 'Bearer new:secret' },
  { authorization: 'bearer new:secret' },
  { authorization: basic('sluice:new:secret') },
  { authorization: basic(':old-sécret') },
  { 'x-sluice-secret': 'new:secret' },
  { authorization: 'Bearer of-a-proxy', 'x-sluice-secret': 'new:secret' },
])('%j is let in', (headers) => {
  expect(authenticate(headers)).toBe(true);
});

test.each([
  {},
  { authorization: '' },
  { authorization: 'Bearer' },
  { authorization: 'Bearer ' },
  { authorization: 'Bearer wrong' },
  { authorization: 'new:secret' },
  { authorization: 'Digest new:secret' },
  { authorization: basic('new') },
  { authorization: basic('new:secret') },
  { authorization: basic('sluice:') },
  { authorization: 'Basic !!!' },
  { 'x-sluice-secret': '' },
  { 'x-sluice-secret': 'new:secre' },
])('%j is kept out', (headers) => {
  expect(authenticate(headers)).toBe(false);
});

test('without secrets a server that is not open lets nothing in', () => {
  expect(createAuthenticate([], false)({})).toBe(false);
});

test('without secrets everything is let in but a web page in a browser', () => {
  const open = createAuthenticate([], true);
  expect(open({})).toBe(true);
  expect(open({ origin: 'https://example.com' })).toBe(false);
});
