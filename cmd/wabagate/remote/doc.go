// Package remote is how a command speaks to a running gateway: with its address and a business's key, over the API that any
// program has. What goes wrong on the way comes back in words that say what to do.
package remote
