// Package tcp opens TCP flows to origins: the connection is made with the TTL of
// the client's SYN, so that routers and the origin answer it as they would
// answer the client; what they answer goes back as the flow's answer, and a
// connected flow is pumped until both of its directions have ended.
package tcp
