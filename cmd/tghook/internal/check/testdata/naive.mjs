// A receiver that trusts the body, and sends its replies as HTML.
import { createServer } from "node:http";

const server = createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    if (request.headers["x-telegram-bot-api-secret-token"] !== process.argv[2]) {
      response.statusCode = 401;
      response.end();
      return;
    }
    const { message } = JSON.parse(body);
    if (!message) return response.end();
    response.setHeader("Content-Type", "text/html");
    response.end(JSON.stringify({ method: "sendMessage", chat_id: message.chat.id, text: "hello" }));
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
