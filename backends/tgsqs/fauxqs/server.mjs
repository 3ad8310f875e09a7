// Serves SQS on a free port of the loopback interface, and prints the port. The program of
// fauxqs itself listens on all interfaces.
import { buildApp } from "fauxqs";
import { INVALID_MESSAGE_BODY_CHAR } from "./node_modules/fauxqs/dist/sqs/sqsTypes.js";

// SQS accepts characters beyond U+FFFF. fauxqs 2.4.1 looks at their halves.
const refused = new RegExp(INVALID_MESSAGE_BODY_CHAR.source.replace("]", "\\u{10000}-\\u{10FFFF}]"), "u");
INVALID_MESSAGE_BODY_CHAR.test = (text) => refused.test(text);

const app = buildApp({ logger: false });
await app.listen({ port: 0, host: "127.0.0.1" });
console.log(app.server.address().port);
process.stdin.on("end", () => process.exit()).resume();
