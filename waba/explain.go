package waba

import "strconv"

// Action is what an error code calls for.
type Action string

const (
	ActionRetry   Action = "retry"   // send again with growing pauses
	ActionLater   Action = "later"   // wait for hours or days; never in a loop
	ActionFix     Action = "fix"     // the request or the setup must change first
	ActionUser    Action = "user"    // nothing reaches this recipient this way; use another channel
	ActionAccount Action = "account" // the business has to settle it with the platform
)

// Explanation says what an error code of the platform means and what to do about it.
type Explanation struct {
	Topic  string
	Action Action
	Advice string // one sentence, for the business
	// Resend tells that the code proves that nothing was sent: sending again cannot become a double message. Any other code,
	// a timeout included, leaves that open.
	Resend bool
}

// Explain looks up an error code, given in digits. Codes are those of the Cloud API and of On-Premises clients; the ok
// result is false for a code that is not in the catalogue.
func Explain(code string) (Explanation, bool) {
	n, err := strconv.ParseInt(code, 10, 64)
	if err != nil || !isDigits(code) {
		return Explanation{}, false
	}
	for _, entry := range catalogue {
		for _, codes := range entry.codes {
			if codes.first <= n && n <= codes.last {
				return entry.Explanation, true
			}
		}
	}
	return Explanation{}, false
}

// span is a range of codes, both ends included.
type span struct{ first, last int64 }

func one(codes ...int64) []span {
	spans := make([]span, len(codes))
	for i, code := range codes {
		spans[i] = span{code, code}
	}
	return spans
}

// catalogue is in the order of the codes; those of the On-Premises client stand apart at the end.
var catalogue = [...]struct {
	codes []span
	Explanation
}{
	{one(0, 190), Explanation{"access token", ActionFix, "Replace the access token, and stop sending until that is done.", false}},
	{one(1, 2), Explanation{"platform", ActionRetry, "The platform had a problem of its own: try again a few times.", false}},
	{append(one(3, 10), span{200, 299}), Explanation{"permission", ActionFix, "Give the app the permission that this call needs.", false}},
	{one(4), Explanation{"rate of the app", ActionRetry, "The app makes too many calls: slow it down and try again in some minutes.", true}},
	{one(33), Explanation{"unknown object", ActionFix, "The number or object was deleted or is not yours: check its id.", false}},
	{one(100), Explanation{"parameter", ActionFix, "A parameter is wrong, or names something that this token may not see: correct the request.", false}},
	{one(368, 131031), Explanation{"account blocked", ActionAccount, "The account is locked or restricted for a violation of policy: see the platform's business support.", false}},
	{one(2046), Explanation{"order status", ActionFix, "An order cannot go from its present status to this one: send a status that can follow.", false}},
	{one(2047), Explanation{"order status", ActionFix, "A paid order cannot be cancelled: refund it instead.", false}},
	{one(80007), Explanation{"rate of the account", ActionRetry, "The WhatsApp Business account makes too many calls: slow it down and try again in some minutes.", true}},
	{one(130403), Explanation{"recipient blocked", ActionFix, "You blocked this user: unblock them before you write.", false}},
	{one(130429), Explanation{"throughput of the number", ActionRetry, "The number sends faster than it may: slow down and try again with growing pauses.", true}},
	{one(130472), Explanation{"experiment", ActionUser, "The recipient takes part in an experiment of the platform and gets no such messages: use another channel.", false}},
	{one(130497), Explanation{"country", ActionAccount, "The account may not message users of this country: see what its restrictions say.", false}},
	{one(131000), Explanation{"platform", ActionRetry, "Something went wrong on the platform: try again a few times.", false}},
	{one(131005), Explanation{"access denied", ActionFix, "Give the token the permission for this number and account.", false}},
	{one(131008), Explanation{"parameter missing", ActionFix, "Add the parameter that the details name.", false}},
	{one(131009), Explanation{"parameter value", ActionFix, "Correct the value that the details name; a message to be marked as read must exist.", false}},
	{one(131016), Explanation{"platform", ActionRetry, "The service is away for a moment: try again a few times.", false}},
	{append(one(131020, 131041), span{131201, 131215}), Explanation{"group", ActionFix, "The group is unknown, or refuses this: check its id, its state and its participants.", false}},
	{one(131021), Explanation{"recipient is the sender", ActionFix, "Send to a number other than the one you send from.", false}},
	{one(131026), Explanation{"undeliverable", ActionUser, "The recipient is not on WhatsApp, has not accepted its terms, or uses too old an app: use another channel.", false}},
	{one(131030), Explanation{"recipient not allowed", ActionFix, "A test number writes only to recipients on its list: add this one, or use a real number.", false}},
	{one(131037), Explanation{"display name", ActionAccount, "Get the display name of the number approved.", false}},
	{one(131042, 131044), Explanation{"payment", ActionAccount, "Put the payment method of the account in order.", false}},
	{one(131045), Explanation{"certificate", ActionFix, "Register the number again: its certificate does not match.", false}},
	{one(131047), Explanation{"window closed", ActionFix, "More than 24 hours have passed since the user last wrote: send a template.", false}},
	{one(131048), Explanation{"spam", ActionAccount, "Too many users blocked or reported the number: improve what it sends, and wait before you send more.", false}},
	{one(131049), Explanation{"marketing limit", ActionLater, "This user gets no more marketing messages for now: wait at least 24 hours.", false}},
	{one(131050), Explanation{"opted out", ActionUser, "The user stopped marketing messages from you: record it and do not send them again.", false}},
	{one(131051), Explanation{"message type", ActionFix, "The type of the message is not supported: send another type.", false}},
	{one(131052), Explanation{"inbound media", ActionUser, "The file that the user sent cannot be fetched: ask them to send it again, under 100 MB.", false}},
	{one(131053), Explanation{"outbound media", ActionFix, "The file cannot be taken from its id or link: check type, size and address.", false}},
	{one(131055, 131063, 134100), Explanation{"marketing", ActionFix, "This kind of message must go, or must not go, through the marketing messages API: use the other one.", false}},
	{one(131056), Explanation{"pair rate", ActionRetry, "Too many messages to this one recipient: pause for 4, then 16, then 64 seconds; others are not affected.", true}},
	{one(131057), Explanation{"maintenance", ActionRetry, "The number is being upgraded: try again in a minute.", true}},
	{one(131059), Explanation{"paging", ActionFix, "The paging cursor is no longer good: begin the list again.", false}},
	{one(131062), Explanation{"user id", ActionFix, "This message needs the user's number: a business-scoped user id is not accepted for it.", false}},
	{one(131064), Explanation{"template misuse", ActionAccount, "Templates went out in the wrong category: correct them, and wait for the limit to end.", false}},
	{one(132000), Explanation{"template parameters", ActionFix, "Give as many values as the template has variables.", false}},
	{one(132001), Explanation{"template missing", ActionFix, "The template does not exist in this language or is not approved: check name and language code.", false}},
	{one(132005), Explanation{"template text", ActionFix, "The text is too long once the values are filled in: shorten them.", false}},
	{one(132007), Explanation{"template text", ActionFix, "The text breaks a policy of the platform: change it.", false}},
	{one(132008, 132012, 132018), Explanation{"template parameters", ActionFix, "A value does not have the form that its variable asks for: correct it.", false}},
	{one(132015), Explanation{"template paused", ActionAccount, "The template is paused for its low quality: improve it, and use another meanwhile.", false}},
	{one(132016), Explanation{"template disabled", ActionAccount, "The template was paused too often and is disabled for good: make a new one.", false}},
	{one(132068), Explanation{"flow blocked", ActionAccount, "The Flow is blocked: mend its endpoint and publish it again.", false}},
	{one(132069), Explanation{"flow throttled", ActionLater, "The Flow is throttled: mend its endpoint, and wait until the limit is lifted.", false}},
	{one(133000), Explanation{"deregistration", ActionRetry, "The number was not fully deregistered: deregister it again.", false}},
	{one(133004), Explanation{"platform", ActionRetry, "The server is away for a moment: try again a few times.", false}},
	{one(133005), Explanation{"PIN", ActionFix, "The PIN is wrong: use the right one, or reset it.", false}},
	{one(133006), Explanation{"verification", ActionFix, "Verify the number again before you register it.", false}},
	{one(133008), Explanation{"PIN", ActionLater, "The PIN was guessed too often: wait as long as the details say.", false}},
	{one(133009), Explanation{"PIN", ActionLater, "The PIN was entered too fast: wait as long as the details say.", false}},
	{one(133010), Explanation{"registration", ActionFix, "Register the number before you send from it.", false}},
	{one(133015), Explanation{"registration", ActionLater, "The number was deleted moments ago: wait five minutes before you register it.", false}},
	{one(133016), Explanation{"registration", ActionLater, "The number was registered ten times in 72 hours: wait 72 hours.", false}},
	{one(134011), Explanation{"payments", ActionAccount, "Accept the terms of payments on WhatsApp.", false}},
	{one(134101), Explanation{"marketing", ActionRetry, "The template is still on its way to the marketing messages API: try again in ten minutes.", false}},
	{one(134102), Explanation{"marketing", ActionFix, "The template is not available to the marketing messages API: use another, or the ordinary one.", false}},
	{one(135000), Explanation{"request", ActionFix, "The request was refused without a reason: check its parameters.", false}},
	{one(136024), Explanation{"verification", ActionFix, "The code could not be requested: check the number and the method, and wait before you ask again.", false}},
	{one(137000), Explanation{"identity", ActionFix, "The user's identity key changed: make sure of who it is, and take the new hash.", false}},
	{one(138006), Explanation{"calling", ActionFix, "The user has not allowed calls: ask for the permission first.", false}},
	{one(138012), Explanation{"calling", ActionLater, "The user cannot be called so often: wait until the limit has passed.", false}},
	{[]span{{138000, 138018}}, Explanation{"calling", ActionFix, "The call is not possible like this: check the calling settings of the number and the request.", false}},
	{[]span{{139000, 139004}}, Explanation{"flow", ActionFix, "The Flow cannot be changed like this: correct it as the details say.", false}},
	{[]span{{139100, 139103}}, Explanation{"blocking", ActionFix, "The users cannot be blocked or unblocked like this: check the list.", false}},
	{[]span{{147001, 147005}}, Explanation{"username", ActionFix, "The username cannot be taken like this: choose another, or check who may.", false}},
	{one(2388019), Explanation{"template count", ActionFix, "The account has as many templates as it may: delete some.", false}},
	{one(2388039, 2388040, 2388047, 2388072, 2388073, 2388293, 2388299), Explanation{"template creation", ActionFix, "The template breaks a rule of its form: correct it as the details say.", false}},
	{one(2494100), Explanation{"maintenance", ActionRetry, "The platform is under maintenance: try again in a while.", false}},
	{[]span{{2593107, 2593109}}, Explanation{"phone app", ActionFix, "The phone app did not share its contacts or its past: ask the business to allow it, and connect again.", false}},

	{one(400), Explanation{"request", ActionFix, "The request was refused: correct it as the details say.", false}},
	{one(402), Explanation{"payment", ActionAccount, "Put the payment method of the account in order.", false}},
	{one(408, 410), Explanation{"expired", ActionUser, "The message could not be delivered in time: send it again only if it still matters.", false}},
	{one(429), Explanation{"rate", ActionRetry, "Too many messages at once: slow down and try again with growing pauses.", false}},
	{[]span{{430, 433}}, Explanation{"registration", ActionFix, "The registration or the signature of the number is not in order: register it again.", false}},
	{one(470), Explanation{"window closed", ActionFix, "More than 24 hours have passed since the user last wrote: send a template.", false}},
	{one(471), Explanation{"spam", ActionAccount, "Too many users blocked or reported the number: improve what it sends, and wait before you send more.", false}},
	{one(472), Explanation{"experiment", ActionUser, "The recipient takes part in an experiment of the platform and gets no such messages: use another channel.", false}},
	{one(480), Explanation{"identity", ActionFix, "The user's identity changed: make sure of who it is before you write on.", false}},
	{one(500, 1000, 1014), Explanation{"client", ActionRetry, "The client or the platform had a problem of its own: try again a few times.", false}},
	{one(1002, 1026), Explanation{"recipient incapable", ActionUser, "The recipient's app cannot show this kind of message: use another kind, or another channel.", false}},
	{one(1004, 1005), Explanation{"access", ActionFix, "Check the API key and what it may do.", false}},
	{one(1006), Explanation{"not found", ActionFix, "What the request names does not exist: check its id.", false}},
	{one(1008), Explanation{"parameter missing", ActionFix, "Add the parameter that the details name.", false}},
	{one(1009), Explanation{"parameter value", ActionFix, "Correct the value that the details name.", false}},
	{one(1010), Explanation{"not allowed", ActionFix, "This is not allowed in the present state: correct the request as the details say.", false}},
	{one(1013), Explanation{"user not valid", ActionUser, "The number is not on WhatsApp: use another channel.", false}},
	{one(1015, 1018), Explanation{"rate", ActionRetry, "Too many requests: slow down and try again with growing pauses.", false}},
	{one(1021), Explanation{"recipient is the sender", ActionFix, "Send to a number other than the one you send from.", false}},
	{[]span{{1022, 1025}}, Explanation{"setup", ActionFix, "The certificate or the setup of the client is not in order: set it up again.", false}},
	{[]span{{2000, 2005}}, Explanation{"template", ActionFix, "Check the template: its name, its language, its values and that it is approved.", false}},
}
