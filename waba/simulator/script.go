package simulator

import "strconv"

// script holds what people say and what goes wrong.
type script struct {
	names    []string
	phrases  []string
	failures []Problem // on failed statuses
	outages  []Problem // out of band
	origins  []string  // tracking strings that say who sent a message
}

// Problem is an error in the platform's own shape.
type Problem struct {
	Code           int
	Title, Details string
}

func newScript() script {
	return script{
		names: []string{
			"Ada", "Noor حسن", "Priya शर्मा", "João", "李娜", "Žofie 🌻", "O'Brien & Sons <shop>", "Дмитрий",
			"\u200fליאור", "さくら", "Zoë \"Zed\" Müller", "👩🏽‍🚀",
		},
		phrases: []string{
			"Is it open today?",
			"Thanks, see you at 9/30 👍🏽",
			"What does the <large> one cost & when can you deliver?",
			"She said \"maybe\" \\ I said 'yes'",
			"Write to me at ada@example.com or https://example.com/orders?id=7&lang=en",
			"مرحبا، متى يصل طلبي؟",
			"شكراً جزيلاً 🌹",
			"मेरा ऑर्डर कब आएगा?",
			"नमस्ते 🙏 कृपया मदद करें",
			"¿Tienen talla 42? Mañana paso por ahí.",
			"Ça coûte combien, s'il vous plaît ?",
			"Größe L, bitte – und zwar schnell!",
			"明天几点开门?",
			"注文をキャンセルしたいです。",
			"Спасибо, всё получил.",
			"שלום, יש משלוח?",
			"👩‍👩‍👧‍👦🇧🇷❤️",
			"ok",
			"1/2 kg, 3 € each\ttwo bags\r\nthe rest later",
			"A longer one: the parcel came on Tuesday, the box was open, one cup was broken and the receipt was for " +
				"somebody else. Could you send a new cup, please? I have photos of everything.",
		},
		failures: []Problem{
			{131026, "Message undeliverable", "Message undeliverable."},
			{131047, "Re-engagement message", "More than 24 hours have passed since the customer last replied."},
			{131049, "Not delivered", "Held back to keep the ecosystem healthy."},
			{131050, "Marketing stopped", "The user chose to stop marketing messages from this business."},
			{130472, "User in an experiment", "The user's number is part of an experiment."},
		},
		outages: []Problem{
			{131000, "Something went wrong", "The message could not be shown, for reasons unknown."},
			{131016, "Service unavailable", "A service is temporarily unavailable."},
			{130429, "Rate limit hit", "Throughput of the number has been reached."},
		},
		origins: []string{
			"origin=agent", "origin=api", "origin=ai", "origin=system;name=opening hours",
			"origin=broadcast;broadcast=89;template=promo_1;recipients=1000;name=Autumn / خريف",
			"origin=ai;broadcast=90;template=promo_2;recipients=40",
		},
	}
}

func appendProblem(dst []byte, p Problem) []byte {
	dst = strconv.AppendInt(append(dst, `{"code":`...), int64(p.Code), 10)
	dst = appendText(dst, `,"title":`, p.Title)
	dst = appendText(dst, `,"message":`, p.Title)
	dst = appendText(dst, `,"error_data":{"details":`, p.Details)
	dst = appendText(dst, `},"href":`, "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/")
	return append(dst, '}')
}
