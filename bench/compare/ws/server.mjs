// An echo and a fan-out on `ws`. A message to /pub goes to every connection to /sub, and back to
// its sender as an ack; elsewhere messages are echoed.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({
  host: "127.0.0.1",
  port: 0,
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});
const subscribers = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/sub") {
    subscribers.add(socket);
    socket.on("close", () => subscribers.delete(socket));
  }
  const isPublisher = request.url === "/pub";
  socket.on("message", (data) => {
    if (isPublisher) for (const subscriber of subscribers) subscriber.send(data, { binary: false });
    socket.send(data, { binary: false });
  });
  socket.on("error", () => socket.terminate());
});
server.on("listening", () => console.log(`listening on ${server.address().port}`));
