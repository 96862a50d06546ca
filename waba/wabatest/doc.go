// Package wabatest is WhatsApp on loopback: a Graph API, the host that its media come from, a provider of the 360dialog
// style and a language model with the API of OpenAI, in one http.Handler. What is sent through it travels: statuses come
// back as signed callbacks, customers answer. A program under test is pointed at it by its ordinary settings and cannot
// tell that no phone is involved.
//
//	sim := wabatest.New(wabatest.Options{OpenWindow: true})
//	defer sim.Close()
//	base, err := sim.Start("127.0.0.1:0") // the base URL of the Graph API, the provider and, with /v1, of the model
//
// The zero [Options] make one app, one account, one number and one token, see [DefaultNumberID] and its neighbours.
//
// # Faithful in
//
//   - answers: the shapes, codes and HTTP statuses that the platform documents, for each thing that can be wrong with a
//     message; what the provider puts in another shape comes in that one;
//   - subscriptions: callbacks go to the override of the number, else of the account, else to the app, for every app
//     that is subscribed; an address is tried by the GET handshake before it is taken;
//   - limits: messages of a number in any second, and messages to one user, with a burst that must be waited off;
//   - statuses: sent, delivered, read, each after a time of its own, batched when there are many, sent again at growing
//     intervals to every subscribed app when one of them does not answer 200;
//   - the service window: what is sent outside of it is accepted, and fails.
//
// It is not the platform in this: addresses may be plain HTTP and have a port, links to media are not fetched, unknown
// members of a body are not refused, and quality, messaging limits and template reviews are what they were set to.
//
// # What goes wrong
//
// A [Fault] makes an answer late, wrong, lost or missing, before or after the message was accepted, and statuses fail or
// vanish. Which sends a share of faults meets depends on the seed, the recipient and how often it was tried, not on the
// order of requests.
//
// # What it knows
//
// [Server.Tally], [Server.Messages], [Server.Count], [Server.Dropped] and [Server.Callbacks] say what was accepted, refused,
// posted, acknowledged and deliberately lost. The same is read and set over HTTP under /_sim/, see [ControlPrefix], so that
// a test may drive a simulator in another process.
package wabatest
