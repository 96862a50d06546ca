package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"wabagate/fanout/event"
	"wabagate/fanout/signature"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

// line is a business whose number sends through a simulated platform.
type line struct {
	business
	platform *wabatest.Server
}

// sendEvents is how many events follow a voice message that is played: that it was sent, and four reports.
const sendEvents = 5

// sending measures messages that a number sends at a steady rate while their statuses come back, each in a callback of its
// own.
func (b *bench) sending(ctx context.Context) error {
	b.say.begin("prepare a database")
	st, err := b.empty(ctx)
	if err != nil {
		return err
	}
	defer st.close()
	var l line
	if err := b.prepareLine(ctx, st, &l); err != nil {
		return err
	}
	defer l.platform.Close()
	b.say.end("done")
	b.say.begin(fmt.Sprintf("send %d/s", b.s.sendRate))
	arrived := b.receiver.count()
	g, err := b.serve(ctx, "sending", st, everyRole)
	if err != nil {
		return err
	}
	err = b.sendingFlow(ctx, g, &l, arrived)
	if g.ending(&err); err != nil {
		return err
	}
	b.say.end(fmt.Sprintf("%.0f/s taken by the platform", b.report.values[keySendPace]))
	return nil
}

// prepareLine makes a business whose number has a token of a platform that is simulated here.
func (b *bench) prepareLine(ctx context.Context, st *setting, l *line) (err error) {
	businessID, err := b.found(ctx, st, &l.business, 0)
	if err != nil {
		return err
	}
	store, err := st.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	numbers, err := store.Numbers(ctx, businessID)
	if err != nil {
		return err
	}
	token := models.RandomToken()
	l.platform = wabatest.New(wabatest.Options{Apps: []wabatest.App{{ID: wabatest.DefaultAppID, Secret: l.secret}}, WABAs: []wabatest.WABA{{ID: wabatest.DefaultWABAID, Apps: []string{wabatest.DefaultAppID}}},
		Numbers: []wabatest.Number{{ID: l.number, Throughput: 5000}}, // in and out together
		Tokens:  []wabatest.Token{{Value: token.Text()}}, OpenWindow: true, PairEvery: -1, Played: true, Batch: 1,
		Latency: wabatest.At(300 * time.Millisecond)})
	base, err := l.platform.Start(loopback + ":0")
	if err != nil {
		return err
	}
	if err := store.SetUpstream(ctx, businessID, models.Upstream{NumberID: numbers[0].ID, Style: "cloud", Base: base, Token: token, Rate: 1000}); err != nil {
		return err
	}
	_, key, err := store.CreateAPIKey(ctx, businessID, &numbers[0].ID, "bench")
	if err != nil {
		return err
	}
	l.key = key.Text()
	_, err = store.CreateWebhook(ctx, models.Webhook{BusinessID: businessID, Name: "Receiver", URL: b.receiver.counting(), Events: []string{event.MessageSent, event.MessageReport},
		Dialect: "wabagate", Secret: models.Secret(signature.NewRandomSecret().Text()), Active: true})
	return err
}

// recipientOf is the number of the i-th recipient.
func recipientOf(i int) string { return fmt.Sprintf("4477%08d", i) }

func (b *bench) sendingFlow(ctx context.Context, g *gateway, l *line, arrived *tally) error {
	l.platform.SetApp(wabatest.App{ID: wabatest.DefaultAppID, Secret: l.secret, CallbackURL: g.callbacks(l.business)})
	n := b.s.sends
	cs := makeCallbacks(n)
	for i := range n {
		cs.bodies[i] = fmt.Appendf(nil, `{"messaging_product":"whatsapp","to":%q,"type":"audio","audio":{"link":"https://media.example/a.ogg","voice":true}}`, recipientOf(i))
		cs.signatures[i] = l.key
	}
	before := g.read(ctx)
	half := make(chan float64, 1)
	time.AfterFunc(time.Duration(n)*time.Second/time.Duration(b.s.sendRate)/2, func() { half <- waitingIn(g.metrics(ctx)) })
	p := load{address: g.base + "/v1/messages", connections: b.s.connections, rate: b.s.sendRate, header: "D360-API-KEY", status: http.StatusAccepted}.fire(ctx, cs)
	if err := errors.Join(context.Cause(ctx), p.check()); err != nil {
		return err
	}
	b.report.add(keySendBacklogEnd, waitingIn(g.metrics(ctx)))
	b.report.add(keySendBacklogHalf, <-half)
	err := g.finish(ctx, arrived, b.s.drainFor)
	if errors.Is(err, errSlow) {
		b.report.note(fmt.Sprintf("Not everything was told within %v after the last message: the rest counts as lost.", b.s.drainFor))
	} else if err != nil {
		return err
	}
	after := g.read(ctx)
	told, repeated := arrived.events()
	tally := l.platform.Tally()
	took, span := l.latencies(cs)
	b.report.add(keySendAsked, p.perSecond())
	b.report.add(keySendAckP50, quantile(p.latency, 50))
	b.report.add(keySendAckP99, quantile(p.latency, 99))
	b.report.add(keySendPace, float64(tally.Accepted-1)/span.Seconds())
	b.report.add(keySendP50, quantile(took, 50))
	b.report.add(keySendP99, quantile(took, 99))
	b.report.add(keySendCallbacks, float64(tally.Callbacks.Acknowledged)/arrived.latest().Sub(p.first).Seconds())
	b.report.add(keySendTold, float64(told)/arrived.latest().Sub(p.first).Seconds())
	b.report.add(keySendRefused, float64(tally.Refused[130429]))
	b.report.add(keySendTwice, float64(tally.Duplicates))
	b.report.add(keySendMissing, float64(p.acknowledged-tally.Recipients))
	b.report.add(keySendLost, float64(sendEvents*p.acknowledged-told))
	b.report.add(keySendDuplicated, float64(repeated))
	b.report.perEvent(before, after, p.acknowledged, keySendCPU, "", "")
	b.report.peak(g, keySendPeak)
	return pause(ctx, settle)
}

// latencies are from when each message was due to be asked for until the platform took it, and how long the platform took
// messages for.
func (l *line) latencies(cs *callbacks) (*hdrhistogram.Histogram, time.Duration) {
	at := map[string]time.Time{}
	var first, last time.Time
	for _, m := range l.platform.Messages(wabatest.Filter{}) {
		at[m.To] = m.At
		if first.IsZero() || m.At.Before(first) {
			first = m.At
		}
		if m.At.After(last) {
			last = m.At
		}
	}
	h := newHistogram()
	for i := int(warmUp * float64(len(cs.bodies))); i < len(cs.bodies); i++ {
		if t, there := at[recipientOf(i)]; there {
			record(h, time.Duration(t.UnixNano()-cs.sent[i].Load()))
		}
	}
	return h, last.Sub(first)
}

// waitingIn is how many pieces of work wait, of every kind.
func waitingIn(metrics map[string]float64) float64 {
	return metrics["wabagate_backlog_callback_groups"] + metrics["wabagate_backlog_delivery_groups"] + metrics["wabagate_backlog_send_groups"]
}
