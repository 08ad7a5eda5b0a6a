/**
 * Adds the cure to a message of DuckDB's that knows nothing of inputs and arguments.
 * @param names of the query's inputs and arguments
 */
export function addCure(message: string, names: readonly string[]): string {
  if (/^Permission Error: Cannot access file /.test(message))
    return `${message}; to read an object, name it in inputs and read it as getvariable('NAME')`;
  if (/ cannot take NULL list as parameter/.test(message))
    return `${message}; no input or argument has the name that getvariable() asks for; there are: ${names.join(', ') || 'none'}`;
  return message;
}
