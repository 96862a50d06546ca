// Package verify judges the signature of a request that a receiver got, and says what is wrong with one that does not verify.
//
// A signature that does not match says nothing by itself. But most mistakes can be undone: a body that was parsed and written again
// can be put back into the form in which it was sent, a secret can be decoded in the other ways that people decode it, an id can be
// read from the body. When the signature matches after one of these steps, that step was the mistake, for certain. Where none
// helps, what the request looks like tells what is likely.
package verify
