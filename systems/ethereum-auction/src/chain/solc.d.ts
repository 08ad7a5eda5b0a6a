declare module 'solc' {
  const solc: {
    /** The compiler's standard JSON in and out: https://docs.soliditylang.org/en/latest/using-the-compiler.html */
    compile(input: string): string;
  };
  export default solc;
}
