// Reads [{schema, values}], prints [[bool, …], …]: what ajv says. Run where ajv is installed.
const fs = require("fs");
const Ajv = require(process.argv[2] + "/node_modules/ajv/dist/2020").default;
const cases = JSON.parse(fs.readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(cases.map(({schema, values}) => {
  // allErrors: without it ajv does not look at contains of an empty array behind prefixItems.
  const fits = new Ajv({strict: false, logger: false, allErrors: true}).compile(schema);
  return values.map((value) => fits(value));
})));
