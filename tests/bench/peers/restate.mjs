// Restate with the chain of troupe bench: node restate.mjs INGRESS_PORT ADMIN_PORT RUNS
// A run is an invocation whose handler does ten durable steps that do nothing; so many are under way at a
// time. Prints {"steps": N, "seconds": S}: until the last answer is there.
import http2 from 'node:http2';
import * as restate from '@restatedev/restate-sdk';

// The SDK expects it, and Node has it from 22 on.
Promise.withResolvers ??= function () {
  let resolve, reject;
  const promise = new Promise((done, fail) => { resolve = done; reject = fail; });
  return {promise, resolve, reject};
};

const LENGTH = 10;
const AT_ONCE = 200;
const [ingress, admin, count] = process.argv.slice(2).map(Number);

const chain = restate.service({
  name: 'chain',
  handlers: {
    run: async (ctx, input) => {
      let value = input;
      for (let n = 0; n < LENGTH; n++) {
        const before = value;
        value = await ctx.run(`n${n}`, () => before);
      }
      return value;
    },
  },
});

async function post(url, body) {
  const answer = await fetch(url, {method: 'POST', headers: {'content-type': 'application/json'}, body: JSON.stringify(body)});
  if (!answer.ok)
    throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return answer.text();
}

const sessions = new Set();
const server = http2.createServer(restate.createEndpointHandler({services: [chain]}));
server.on('session', session => { sessions.add(session); session.on('close', () => sessions.delete(session)); });
await new Promise(done => server.listen(0, '127.0.0.1', done));
await post(`http://127.0.0.1:${admin}/deployments`, {uri: `http://127.0.0.1:${server.address().port}`});

let left = count;
async function caller() {
  while (left-- > 0)
    await post(`http://127.0.0.1:${ingress}/chain/run`, {n: 1});
}
await post(`http://127.0.0.1:${ingress}/chain/run`, {n: 1});
const began = process.hrtime.bigint();
await Promise.all(Array.from({length: AT_ONCE}, caller));
const seconds = Number(process.hrtime.bigint() - began) / 1e9;
console.log(JSON.stringify({steps: count * LENGTH, seconds}));
for (const session of sessions)
  session.destroy();
server.close();
process.exit(0);
