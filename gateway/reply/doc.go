// Package reply answers the customers of numbers whose business wants that: by any OpenAI-compatible model, or by a server of
// the business's own.
//
// The translator asks for an answer ([models.ReplyMessages]) in the transaction that keeps a customer's message; the answer
// is a message like any other that the gateway sends ([models.Send], sent by "ai"). In between the [Responder] decides
// whether there is one at all: [decide] is the whole of it, and is asked again when the answer is there, because the world
// goes on while a model thinks.
//
// What it promises:
//   - a message is answered once: the answer has a key made of the event, and what has been sent is not asked for again;
//   - of several messages in a row the last one is answered, and the answer knows all of them;
//   - it answers only within the service window, a minute before whose end it stops;
//   - a person who took over is left alone: an agent who writes, a customer who asks for one, and whoever switched the AI off.
//     So is a customer whose model failed. All of them end in the conversation's setting ([models.AISetting]) with the reason,
//     which is told as conversation.updated, and the AI stays silent until somebody switches it on again;
//   - two bots that meet part again: see the guards in loop.go, and the limits of [models.Replies] behind them;
//   - it holds up nobody: it has a queue and workers of its own, of which no number gets more than some; it reads and writes
//     many conversations at a time in one statement or transaction, one group after the other, so that it never takes more
//     of the database and the processor than one of many who translate; its news of hand-overs wait behind what people say;
//     and an endpoint that failed five messages in a row is not asked for a while (see [circuit]): its conversations go to
//     people at once.
//
// Between an answer and its being sent lies one check and one transaction: a message or a person that comes in exactly then
// is answered, or joined, once more than needed.
package reply
