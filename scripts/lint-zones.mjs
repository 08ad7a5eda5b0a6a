// A rule for oxlint, which has none such of its own: what may import from where, by zones as in `import/no-restricted-paths`.
import path from 'node:path';

const isWithin = (file, folder) => file === folder || file.startsWith(folder + path.sep);

const noRestrictedPaths = {
  meta: { schema: [{ type: 'object' }] },
  create(context) {
    const [{ zones }] = context.options;
    const at = (place) => path.resolve(context.cwd, place);
    const own = zones.filter(({ target }) => isWithin(context.filename, at(target)));
    const check = ({ source }) => {
      if (typeof source?.value !== 'string' || !source.value.startsWith('.')) return;
      const imported = path.resolve(path.dirname(context.filename), source.value);
      const broken = own.find(({ from }) =>
        from.some((place) => isWithin(imported, at(place.replace(/\.ts$/, '')))),
      );
      if (broken)
        context.report({
          node: source,
          message: `${source.value} is not to be imported here. ${broken.message}`,
        });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
      TSImportType: check,
    };
  },
};

export default { meta: { name: 'zones' }, rules: { 'no-restricted-paths': noRestrictedPaths } };
