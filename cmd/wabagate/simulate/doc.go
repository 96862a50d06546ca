// Package simulate plays the platform against a callback address: it posts signed callbacks of made-up facts
// ([wabagate/waba/simulator]), some of them twice, some out of order, at a rate or as fast as the answers come, and
// sends again what was not answered 200, as the platform does. It counts by fact, so that what was acknowledged can be
// compared with what a receiver got. To the address of a number it posts bodies of the On-Premises style instead.
//
// The platform's other half, which is called to send messages and to fetch media, is run by [RunGraph].
package simulate
