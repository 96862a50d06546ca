// Package line connects WhatsApp numbers: it examines a number's token at the platform, or its key at the provider, sees to
// it that the number's callbacks come here, and looks after the connection from then on.
//
// # Promises
//
//   - Nothing is kept before everything was found in order. What fails is a [Trouble], which names the step, repeats what the
//     upstream answered and says what to do.
//   - A number goes to the business that proves it with a token that the platform itself confirms for it. A confirmation by
//     any other address proves nothing: that could be the asker's own. Without proof it takes an operator.
//   - The secrets of the gateway's app go to the platform's own address, and to another one only when an operator names it.
//   - A token is replaced without a gap: the new one is examined first and kept then, and until then the old one is used.
//   - Tokens, keys and the secret parts of addresses stand in no error, no log line and no text that is kept.
//
// What is sent through a line is the affair of package sending.
package line
