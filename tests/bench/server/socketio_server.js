// SPDX-License-Identifier: GPL-3.0-or-later
// What one would write with socket.io to do the config server's job: keys, rooms, a list to every member on each change,
// the latest report of each node. For `./dev bench server` to compare with.
'use strict';
const { Server } = require('socket.io');
const fs = require('fs');

const config = JSON.parse(fs.readFileSync(process.argv[3], 'utf8'));
const keys = new Map(config.client_keys.map((entry) => [entry.key, entry.name]));
const rooms = new Map(config.rooms.map((room) => [room.name, new Map()]));
const reports = new Map();

const io = new Server(Number(process.argv[2]), {
  transports: ['websocket'], perMessageDeflate: false, pingInterval: 5000, pingTimeout: 10000, serveClient: false,
});

io.on('connection', (socket) => {
  let name = null;
  let room = null;
  const list = () => [...rooms.get(room).values()];
  socket.on('register', (message) => {
    if (keys.get(message.key) !== message.name || !rooms.has(message.room)) return socket.disconnect(true);
    name = message.name;
    room = message.room;
    const ip = socket.handshake.address;
    rooms.get(room).set(name, { name, ip, port: message.port, stream: false, matriz: 1 });
    socket.join(room);
    const clients = list();
    socket.emit('registered', { name, ip, port: message.port, stream: false, message: 'registered', clients,
      n_clients: clients.length });
    socket.to(room).emit('list', { message: `[${name}] connected to config server`, name, clients });
  });
  socket.on('report', (links) => { if (name) reports.set(name, { links, at: Date.now() }); });
  socket.on('disconnect', () => {
    if (!name) return;
    reports.delete(name);
    rooms.get(room).delete(name);
    io.to(room).emit('list', { message: `[${name}] disconnected from config server`, name, clients: list() });
  });
});
