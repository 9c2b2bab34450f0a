// SPDX-License-Identifier: GPL-3.0-or-later
// A node of the mesh in nothing but what a browser has: docs/protocol.md is all that it knows of matriz. It plays a
// tone to everyone and listens to everyone. The test reads `ends`.
"use strict";

const ends = {};  // peer's name → End
const trouble = [];  // sentences about what should not have happened
const told = [];  // every message of the server, newest last
let socket = null;
let self = null;  // {name, certificate, fingerprint, pings}
let iceServers = [];
const audio = new AudioContext({sampleRate: 48000, latencyHint: "interactive"});
const epoch = [...crypto.getRandomValues(new Uint8Array(8))].map(b => b.toString(16).padStart(2, "0")).join("");
let calls = 0;

function makeTone(hertz) {
    const oscillator = new OscillatorNode(audio, {frequency: hertz});
    const volume = new GainNode(audio, {gain: 0.3});
    const destination = new MediaStreamAudioDestinationNode(audio);
    oscillator.connect(volume).connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
}

const nanoseconds = () => BigInt(Math.round(performance.now() * 1e6));

// Pings over the data channel, as docs/protocol.md has them.
function readPing(data) {
    if (!(data instanceof ArrayBuffer) || data.byteLength < 34) return null;
    const view = new DataView(data);
    if (view.getUint8(0) !== 1 || view.getUint8(1) !== 112) return null;
    return {number: view.getUint32(2), sent: view.getBigUint64(6), heardSent: view.getBigUint64(14), heardAt: view.getBigUint64(22)};
}

function writePing({number, sent, heardSent, heardAt}) {
    const view = new DataView(new ArrayBuffer(34));
    view.setUint8(0, 1);
    view.setUint8(1, 112);
    view.setUint32(2, number);
    [sent, heardSent, heardAt].forEach((time, i) => view.setBigUint64(6 + 8 * i, time));
    view.setUint32(30, 10000);  // as long as our capture takes, at a guess
    return view.buffer;
}

class Ear {
    constructor(track) {
        const stream = new MediaStream([track]);
        // Chromium lets a remote track sound only when an element plays it.
        this.element = Object.assign(new Audio(), {srcObject: stream, muted: true});
        this.element.play();
        this.analyser = new AnalyserNode(audio, {fftSize: 16384, smoothingTimeConstant: 0});
        new MediaStreamAudioSourceNode(audio, {mediaStream: stream}).connect(this.analyser);
    }
    // {hertz, db} of the strongest tone
    strongest() {
        const bins = new Float32Array(this.analyser.frequencyBinCount);
        this.analyser.getFloatFrequencyData(bins);
        let peak = 1;
        for (let i = 1; i < bins.length; ++i) if (bins[i] > bins[peak]) peak = i;
        return {hertz: peak * audio.sampleRate / this.analyser.fftSize, db: Number.isFinite(bins[peak]) ? bins[peak] : -200};
    }
}

class End {
    constructor(peer, session) {
        this.peer = peer;
        this.session = session;
        this.queue = [];
        this.byes = [];
        this.ear = null;
        this.channel = null;
        this.pings = 0;
        this.heard = null;  // the other's newest ping, and when it came
        this.signals = {sent: [], received: []};
    }
    say(what) {
        this.signals.sent.push(Object.keys(what)[0]);
        socket.send(JSON.stringify({signal: {webrtc: 1, session: this.session, ...what}, to: this.peer.name}));
    }
    open() {
        this.close();
        const pc = this.pc = new RTCPeerConnection({iceServers, certificates: [self.certificate], bundlePolicy: "max-bundle"});
        pc.onicecandidate = e => {
            if (e.candidate && e.candidate.candidate)
                this.say({candidate: {mline: e.candidate.sdpMLineIndex, candidate: e.candidate.candidate}});
        };
        pc.ontrack = e => this.ear = new Ear(e.track);
        pc.ondatachannel = e => this.take(e.channel);
        return pc;
    }
    take(channel) {
        this.channel = channel;
        channel.binaryType = "arraybuffer";
        channel.onmessage = e => {
            const ping = readPing(e.data);
            if (!ping) return trouble.push(`${this.peer.name}: what is this on the data channel: ${e.data}`);
            this.heard = {...ping, at: nanoseconds()};
        };
        if (self.pings) this.timer = setInterval(() => this.ping(), 500);
    }
    ping() {
        if (this.channel.readyState !== "open") return;
        this.channel.send(writePing({number: ++this.pings, sent: nanoseconds(), heardSent: this.heard ? this.heard.sent : 0n,
                                     heardAt: this.heard ? this.heard.at : 0n}));
    }
    checkIdentity(sdp) {
        const found = [...sdp.matchAll(/^a=fingerprint:sha-256 (\S+)/gim)].map(m => m[1].toUpperCase());
        if (!found.length || found.some(f => f !== this.peer.fingerprint))
            trouble.push(`${this.peer.name}'s SDP says ${found}, the list says ${this.peer.fingerprint}`);
    }
    async describe(description) {
        this.checkIdentity(description.sdp);
        await this.pc.setRemoteDescription(description);
        for (const c of this.queue.splice(0)) await this.pc.addIceCandidate(c);
    }
    async onOffer(offer) {
        const pc = this.open();
        await this.describe({type: "offer", sdp: offer.sdp});
        // The one that the other side only receives on is ours to send on.
        for (const t of pc.getTransceivers()) {
            if (t.receiver.track.kind !== "audio") continue;
            const line = new RegExp(`a=mid:${t.mid}\\r?\\n`);
            const section = offer.sdp.split(/(?=^m=)/m).find(s => line.test(s));
            if (/^a=recvonly/m.test(section)) {
                t.direction = "sendonly";
                await t.sender.replaceTrack(tone);
            }
        }
        await pc.setLocalDescription(await pc.createAnswer());
        this.say({answer: {sdp: pc.localDescription.sdp}});
    }
    async onCall() {
        const pc = this.open();
        pc.addTransceiver(tone, {direction: "sendonly"});
        pc.addTransceiver("audio", {direction: "recvonly"});
        this.take(pc.createDataChannel("matriz", {ordered: false, maxRetransmits: 0}));
        await pc.setLocalDescription(await pc.createOffer());
        this.say({offer: {sdp: pc.localDescription.sdp}});
    }
    async onCandidate({mline, candidate}) {
        if (!candidate) return;
        const c = {sdpMLineIndex: mline, candidate};
        if (this.pc && this.pc.remoteDescription) await this.pc.addIceCandidate(c); else this.queue.push(c);
    }
    async receive(body) {
        this.signals.received.push(Object.keys(body).find(k => k !== "webrtc" && k !== "session"));
        if (body.call) { this.session = body.session; return this.onCall(); }
        if (body.session !== this.session) return;
        if (body.offer) return this.onOffer(body.offer);
        if (body.answer) return this.describe({type: "answer", sdp: body.answer.sdp});
        if (body.candidate) return this.onCandidate(body.candidate);
        if (body.bye) { this.byes.push(body.bye); this.close(); }
    }
    close() {
        clearInterval(this.timer);
        if (this.pc) this.pc.close();
        this.pc = null;
        this.ear = null;
    }
    async state() {
        const stats = {};
        if (this.pc)
            (await this.pc.getStats()).forEach(s => {
                if (s.type === "inbound-rtp") stats.inbound = {packets: s.packetsReceived, lost: s.packetsLost};
                if (s.type === "outbound-rtp") stats.outbound = {packets: s.packetsSent};
                if (s.type === "codec") stats[s.mimeType] = s.sdpFmtpLine || "";
            });
        return {connection: this.pc && this.pc.connectionState, ice: this.pc && this.pc.iceConnectionState,
                heard: this.ear && this.ear.strongest(), channel: this.channel && this.channel.readyState,
                pinged: this.heard ? this.heard.number : 0, answered: Boolean(this.heard && this.heard.heardSent), byes: this.byes, signals: this.signals, stats};
    }
}

function newCall(end) {
    end.session = `${epoch}-${++calls}`;
    end.say({call: {}});
}

function onList(clients) {
    const present = new Set(clients.map(c => c.name));
    for (const name of Object.keys(ends)) if (!present.has(name)) { ends[name].close(); delete ends[name]; }
    for (const peer of clients) {
        if (peer.name === self.name || !peer.fingerprint || ends[peer.name]) continue;
        ends[peer.name] = new End(peer);
        if (self.name > peer.name) newCall(ends[peer.name]);
    }
}

function onMessage(message) {
    told.push(message);
    if (message.error) trouble.push(`the server says ${message.error}: ${message.message}`);
    if (message.ice_servers) iceServers = message.ice_servers;
    if (message.clients) onList(message.clients);
    if (message.signal && ends[message.from]) {
        const end = ends[message.from];
        // One after the other: each waits for what the browser does with the one before.
        end.last = (end.last || Promise.resolve()).then(() => end.receive(message.signal))
            .catch(e => trouble.push(`${message.from}: ${e}: ${JSON.stringify(message.signal).slice(0, 300)}`));
    }
}

let tone = null;

// `claim`: a fingerprint to register with instead of the certificate's own. `pings`: speak on the data channel?
async function join({url, name, key, hertz, room, claim, pings = true}) {
    tone = makeTone(hertz);
    await audio.resume();
    const certificate = await RTCPeerConnection.generateCertificate({name: "ECDSA", namedCurve: "P-256"});
    const fingerprint = certificate.getFingerprints().find(f => f.algorithm === "sha-256").value.toUpperCase();
    self = {name, certificate, fingerprint, pings};
    socket = new WebSocket(url);
    socket.onmessage = e => onMessage(JSON.parse(e.data));
    await new Promise((done, failed) => { socket.onopen = done; socket.onerror = () => failed(new Error("no config server")); });
    socket.send(JSON.stringify({register: "", name, key, port: 9, matriz: 1, fingerprint: claim || fingerprint, ...(room ? {room} : {})}));
    return fingerprint;
}

async function look() {
    const all = {};
    for (const [name, end] of Object.entries(ends)) all[name] = await end.state();
    return {peers: all, trouble, names: told.length ? Object.keys(ends) : null};
}
