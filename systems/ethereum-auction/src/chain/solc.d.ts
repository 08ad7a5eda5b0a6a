declare module 'solc' {
  /** The compiler's standard JSON in and out: https://docs.soliditylang.org/en/latest/using-the-compiler.html */
  export function compile(input: string): string;
}
