// Package sending gives messages that businesses asked to send to the platform: once each, no faster than the platform takes
// them, and with an outcome for every one.
//
// # One attempt
//
// A message is a row ([models.Send]); the work that names it comes from the queue ([Sender.Do]). The row is committed as
// underway before the platform hears of it, so that no death of a process sends it twice. What the platform answered is
// judged ([wabagate/waba/graph.Judge]) and committed with a callback of the gateway's own, which tells the translator. What
// the judgement means:
//
//   - accepted, refused: the message is settled;
//   - not processed (a rate, no connection): it waits for another attempt, of which there are at most maxAttempts;
//   - undecided (no answer, a trouble of the platform's own): it may have gone out. For the time of Options.Undecided a status
//     that carries its number may tell. When none does it is sent once more, which is the one way in which a message can
//     reach somebody twice; when that attempt is undecided too, it fails;
//   - not authorized: the number stops until it has another token, and its messages wait.
//
// A process that dies leaves messages underway. After doubtAfter a sweep makes them undecided, see [Sender.Run].
//
// # The pace
//
// All processes share one pace per number, kept in Redis: slots that lie evenly apart, a little further than the rate asks
// for, because what leaves evenly does not arrive so. The platform's refusals halve the pace, from where it recovers.
// Without Redis each process goes on at a quarter of the rate. One recipient takes a message every six seconds after a
// burst of 45; what comes sooner waits for its time without an attempt.
//
// A process takes about a tenth of a second's worth of messages at a time, shortly before they leave; its slots are reserved a
// little further ahead. More than a few seconds' worth of a number is not kept in memory: its work is put off until shortly
// before its time comes, in pieces of up to a hundred messages, so that a broadcast holds up neither the queue nor a chat,
// of its own number or another. Of one recipient one message at a time is with the platform.
package sending
