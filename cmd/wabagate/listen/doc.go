// Package listen forwards the events of a running gateway to a receiver on the developer's own machine, as a webhook would, without
// that machine being reachable from anywhere.
//
// The gateway sends events as a stream in the order of their commits, each with the place after it; listen does one after the other
// and goes on, whatever is restarted in between, from the place after the last one that it has done. That place is the gateway's
// cursor, which skips nothing that is committed late, so no event is lost and none comes twice. The one exception is an event that
// was with the receiver when listen itself was killed: nobody knows what became of it, and it comes again under the same webhook-id.
//
// The gateway renders the payloads, since some dialects need what only it has: the platform's callback, the conversation. Signing is
// done here, with the code that signs deliveries: a signature has a time, and an event may have to wait for a receiver that is
// being restarted.
package listen
