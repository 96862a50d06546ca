// Package samples has receivers for customers to copy, one file for each of seven languages, and the tests that run them:
// as their owners would, against signed requests, the receiver check and a gateway that delivers to them.
//
// All are the same program: README.md says what it does, and the comments in each say why and what people get wrong. They
// print the same lines and give the same answers, so that one test judges all. Go's is compiled with the repository; the
// others are started from where they stand, Java's and C#'s by their compilers.
package samples
