// Package outgoing reads what a business wants to send, and says what is wrong with it before it leaves: the platform
// answers for one mistake at a time, minutes later or in words of its own.
//
// A body is the platform's own, that of POST /{phone number id}/messages, or of the On-Premises style, which has no
// messaging_product. [Parse] reports every problem with the field it stands in, and passes on what it does not know:
// keys that came after this was written are the platform's to judge. What does leave ([Message.Body]) is what the caller
// wrote, byte for byte, but for the members that belong to the gateway.
//
// Like its parent it is pure: bytes in, plain values out, standard library only.
package outgoing
