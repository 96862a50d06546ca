package reply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/deliver"
	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/fanout/signature"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

func TestAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hear(b.number, customer, "Hello")
	b.workInTime()
	require.Equal(t, []string{"You said: Hello (turn 1)"}, b.byAI())
	require.Empty(t, b.asked(), "the work is done")
	b.hear(b.number, customer, "Open on")
	b.hear(b.number, customer, "Sunday?")
	b.workInTime()
	require.Equal(t, []string{"You said: Hello (turn 1)", "You said: Open on\nSunday? (turn 2)"}, b.byAI(), "one answer to both")
	asked := b.sim.Prompts()
	require.Len(t, asked, 2)
	require.Equal(t, []wabatest.PromptMessage{{Role: "system", Content: "Be kind."}, {Role: "user", Content: "Hello"}, {Role: "assistant", Content: "You said: Hello (turn 1)"},
		{Role: "user", Content: "Open on\nSunday?"}}, asked[1].Messages)
	told := b.told(event.AIReplied)
	require.Len(t, told, 2)
	require.Equal(t, []string{"You said: Hello (turn 1)", "ai", customer}, []string{told[0].Message.Text, told[0].Message.SentBy, told[0].Message.To})
	require.NotContains(t, b.log.String(), "Hello")
	require.NotContains(t, b.log.String(), "hush")
	require.NotContains(t, b.log.String(), customer)
}

// Whoever dies after the answer is kept finds it kept; two who have the same work at once keep one.
func TestOneAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hear(b.number, customer, "Hello")
	w := b.asked()[0]
	b.sendFail = errors.New("the connection broke as it was committed")
	require.ErrorContains(t, b.Do(t.Context(), w, nil), "the connection broke")
	require.Equal(t, []models.Work{w}, b.asked())
	require.NoError(t, b.Do(t.Context(), w, nil))
	require.NoError(t, b.Do(t.Context(), w, nil))
	require.Len(t, b.byAI(), 1)
	require.Len(t, b.sim.Prompts(), 1, "nobody is asked again")

	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultSlow, Delay: 300 * time.Millisecond}))
	b.hear(b.number, customer, "Bye")
	w = b.asked()[0]
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() { require.NoError(t, b.Do(t.Context(), w, nil)) })
	}
	both.Wait()
	require.Len(t, b.byAI(), 2)

	b.hear(b.number, customer, "Again")
	w = b.asked()[0]
	require.NoError(t, b.Do(t.Context(), w, func() bool { return false }))
	require.Len(t, b.byAI(), 2, "the work is somebody else's")
	require.Len(t, b.asked(), 1)
	ending, end := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer end()
	require.ErrorIs(t, b.Do(ending, w, nil), context.DeadlineExceeded, "this process ends")
	require.Empty(t, b.conversation(b.number).AI.Off, "and nobody failed")
	b.work()
	require.Len(t, b.byAI(), 3)
}

// A model that fails gets a second chance while there is time, and then a person takes over.
func TestTheModelFails(t *testing.T) {
	t.Parallel()
	nowhere := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(nowhere.Close)
	at := func(f wabatest.Fault) wabatest.Fault { f.At = wabatest.AtModel; return f }
	for name, c := range map[string]struct {
		fault    wabatest.Fault
		change   func(*models.Replies)
		attempts int
		says     string // why a person takes over; empty: it is answered
	}{
		"slow":                {fault: wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 200 * time.Millisecond}, attempts: 1},
		"once 500":            {fault: wabatest.Fault{Kind: wabatest.FaultError, Next: 1}, attempts: 2},
		"once no JSON":        {fault: wabatest.Fault{Kind: wabatest.FaultGarbage, Next: 1}, attempts: 2},
		"always 500":          {fault: wabatest.Fault{Kind: wabatest.FaultError}, attempts: 2, says: "the model answered 500: it has a trouble of its own"},
		"too busy":            {fault: wabatest.Fault{Kind: wabatest.FaultError, Status: 429, Next: 1}, attempts: 2},
		"too busy for long":   {fault: wabatest.Fault{Kind: wabatest.FaultError, Status: 429}, change: func(r *models.Replies) { r.Timeout = time.Second }, attempts: 1, says: "its limit is reached"},
		"no JSON":             {fault: wabatest.Fault{Kind: wabatest.FaultGarbage}, attempts: 2, says: "no chat completion"},
		"a page":              {fault: wabatest.Fault{Kind: wabatest.FaultHTML}, attempts: 2, says: "the model answered 502"},
		"empty":               {fault: wabatest.Fault{Kind: wabatest.FaultEmpty}, attempts: 2, says: "answered nothing"},
		"hangs":               {fault: wabatest.Fault{Kind: wabatest.FaultHang}, change: func(r *models.Replies) { r.Timeout = time.Second }, attempts: 1, says: "no answer within 1s"},
		"slower than allowed": {fault: wabatest.Fault{Kind: wabatest.FaultSlow, Delay: 3 * time.Second}, change: func(r *models.Replies) { r.Timeout = time.Second }, attempts: 1, says: "no answer within 1s"},
		"closes":              {fault: wabatest.Fault{Kind: wabatest.FaultClose}, attempts: 2, says: "cannot be reached"},
		"the wrong key":       {change: func(r *models.Replies) { r.Key = "sk-wrong" }, says: "answered 401: check the key"},
		"the wrong address":   {change: func(r *models.Replies) { r.URL = nowhere.URL + "?key=hush" }, says: "answered 404: check the address and the name of the model"},
		"down":                {change: func(r *models.Replies) { r.URL = "http://127.0.0.1:1/v1" }, says: "cannot be reached: dial tcp 127.0.0.1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if c.fault.Kind != "" {
				require.NoError(t, b.sim.AddFaults(at(c.fault)))
			}
			b.set(b.number, func(r *models.Replies) {
				r.Fallback = "A colleague will answer."
				if c.change != nil {
					c.change(r)
				}
			})
			b.hear(b.number, customer, "Hello")
			b.work()
			require.Len(t, b.sim.Prompts(), c.attempts)
			if c.says == "" {
				require.Equal(t, []string{"You said: Hello (turn 1)"}, b.byAI())
				return
			}
			require.Equal(t, []string{"A colleague will answer."}, b.byAI())
			require.Contains(t, b.handedOver(b.number, byFailure).Detail, c.says)
			require.NotContains(t, b.log.String(), "hush")
		})
	}
}

// Where a business has no words for it, a customer hears nothing of a failure.
func TestAFailureWithoutWords(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultError}))
	b.hear(b.number, customer, "Hello")
	b.work()
	require.Empty(t, b.byAI())
	b.handedOver(b.number, byFailure)
}

// Whoever dies between the words and the hand-over does the rest of it.
func TestACrashWhileHandingOver(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(b.number, func(r *models.Replies) { r.Fallback = "A colleague will answer." })
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultGarbage, Next: 2}))
	b.hear(b.number, customer, "Hello")
	b.sendFail = errors.New("the process died")
	require.Error(t, b.Do(t.Context(), b.asked()[0], nil))
	require.Empty(t, b.conversation(b.number).AI.Off)
	b.work()
	require.Equal(t, []string{"A colleague will answer."}, b.byAI(), "once, and no answer after it although the model is well again")
	b.handedOver(b.number, byFailure)
}

func TestKeyword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(b.number, func(r *models.Replies) { r.Fallback = "A colleague will answer." })
	b.hear(b.number, customer, "An ÁGENT please")
	b.work()
	require.Empty(t, b.sim.Prompts())
	require.Equal(t, []string{"A colleague will answer."}, b.byAI())
	b.handedOver(b.number, byKeyword)
}

func TestTheModelAsksForAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultSay, Text: "I do not know. " + HandOver}))
	b.hear(b.number, customer, "Hello")
	b.work()
	require.Empty(t, b.byAI())
	b.handedOver(b.number, byRequest)
}

// Somebody of the business writes: before, or while the model thinks.
func TestAnAgentWrites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hear(b.number, customer, "Hello")
	b.agentWrites(b.number, customer)
	b.work()
	require.Empty(t, b.sim.Prompts())
	b.handedOver(b.number, byAgent)
	require.Empty(t, b.byAI())

	// Until somebody switches it on again.
	_, err := b.recorder.SetConversation(t.Context(), b.number.BusinessID, b.conversation(b.number).ID, func(s *models.ConversationSettings) error {
		s.AI = models.AISetting{At: time.Now().UTC()}
		return nil
	})
	require.NoError(t, err)
	b.hear(b.number, customer, "Still there?")
	b.work()
	require.Len(t, b.byAI(), 1)
}

// during does the work of a slow answer, and something else meanwhile.
func (b *bench) during(meanwhile func()) {
	b.t.Helper()
	require.NoError(b.t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultSlow, Delay: 500 * time.Millisecond, Next: 1}))
	w := b.asked()[0]
	var done sync.WaitGroup
	done.Go(func() { require.NoError(b.t, b.Do(b.t.Context(), w, nil)) })
	require.Eventually(b.t, func() bool { return len(b.sim.Prompts()) > 0 }, 5*time.Second, time.Millisecond)
	meanwhile()
	done.Wait()
}

func TestWhileTheModelThinks(t *testing.T) {
	t.Parallel()
	t.Run("an agent writes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hear(b.number, customer, "Hello")
		b.during(func() { b.agentWrites(b.number, customer) })
		require.Empty(t, b.byAI())
		b.handedOver(b.number, byAgent)
	})
	t.Run("the customer writes again", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hear(b.number, customer, "Hello")
		b.during(func() { b.hear(b.number, customer, "there") })
		require.Empty(t, b.byAI())
		b.work()
		require.Equal(t, []string{"You said: Hello\nthere (turn 1)"}, b.byAI())
	})
	t.Run("it is switched off", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hear(b.number, customer, "Hello")
		b.during(func() { b.set(b.number, func(r *models.Replies) { r.Active = false }) })
		require.Empty(t, b.byAI())
		require.Empty(t, b.asked())
	})
	t.Run("the window closes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hear(b.number, customer, "Hello")
		b.during(func() {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.ahead = models.ServiceWindow - windowMargin
		})
		require.Empty(t, b.byAI())
		require.Empty(t, b.asked())
		require.Empty(t, b.conversation(b.number).AI.Off, "the customer's next message opens it")
	})
	t.Run("the customer is erased", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hear(b.number, customer, "Hello")
		b.during(func() {
			_, err := b.store.Erase(t.Context(), b.number.BusinessID, b.conversation(b.number).Contact.ID, "test", time.Minute)
			require.NoError(t, err)
		})
		require.Empty(t, b.byAI())
		require.Empty(t, b.asked())
	})
}

func TestTheWindowIsClosed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.hear(b.number, customer, "Hello")
	b.ahead = models.ServiceWindow
	b.work()
	require.Empty(t, b.byAI())
	require.Empty(t, b.sim.Prompts())
	require.Empty(t, b.asked())
}

// Two numbers whose bots answer each other end by themselves, whichever guard sees it first.
func TestTwoBots(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		perHour, perDay, most int
		say                   string // what both say; empty: something else every time
		why                   reason
	}{
		"fast":       {30, 100, 5, "", bySpeed},
		"repetitive": {30, 100, 4, "Sorry, I did not get that.", byRepeats},
		"by hour":    {2, 100, 2, "", byHour},
		"by day":     {30, 1, 1, "", byDay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			other := b.newNumber("700", "15550100300")
			limited := func(r *models.Replies) {
				r.PerHour, r.PerDay, r.Fallback = c.perHour, c.perDay, "A colleague will answer."
			}
			b.set(b.number, limited)
			b.set(other, limited)
			if c.say != "" {
				require.NoError(t, b.sim.AddFaults(wabatest.Fault{At: wabatest.AtModel, Kind: wabatest.FaultSay, Text: c.say}))
			}
			b.hear(b.number, other.Display, "Hello")
			of := map[int64]int{}
			heard := 0
			for range 60 {
				b.workInTime()
				for ; heard < len(b.said); heard++ { // what one says the other hears
					s := b.said[heard]
					of[s.NumberID]++
					if s.NumberID == b.number.ID {
						b.hear(other, b.number.Display, s.Text)
					} else {
						b.hear(b.number, other.Display, s.Text)
					}
				}
			}
			require.Empty(t, b.asked(), "it never ended")
			require.LessOrEqual(t, of[b.number.ID], c.most)
			require.LessOrEqual(t, of[other.ID], c.most)
			reasons := []string{b.conversation(b.number).AI.Off, b.conversation(other).AI.Off}
			require.Contains(t, reasons, string(c.why))
			require.NotContains(t, b.byAI(), "A colleague will answer.", "a bot is not told")
		})
	}
}

// The business's own server gets the event as its webhooks do, and says what to do.
func TestResponder(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter)
		asked  int
		said   []string
		why    reason // of a hand-over; empty: none
		detail string
	}{
		"text":       {answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"text":"At nine."}`)) }, asked: 1, said: []string{"At nine."}},
		"silence":    {answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, asked: 1},
		"hand-over":  {answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte(`{"handover":true}`)) }, asked: 1, why: byRequest, detail: "the AI asked for a person"},
		"garbage":    {answer: func(w http.ResponseWriter) { _, _ = w.Write([]byte(`OK`)) }, asked: 2, why: byFailure, detail: "something else"},
		"503":        {answer: func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, asked: 2, why: byFailure, detail: "the responder answered 503"},
		"a redirect": {answer: func(w http.ResponseWriter) { w.Header().Set("Location", "/elsewhere"); w.WriteHeader(http.StatusFound) }, asked: 1, why: byFailure, detail: "redirects are not followed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			own := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) { c.answer(w) })
			const secret = "whsec_aHVzaA=="
			b.set(b.number, func(r *models.Replies) { r.Kind, r.URL, r.Key = models.RepliesByResponder, own.URL, secret })
			b.hear(b.number, customer, "When do you open?")
			b.work()
			require.Equal(t, c.said, b.byAI())
			got := own.Got()
			require.Len(t, got, c.asked)
			for _, d := range got {
				verified := signature.Verify(d.Header, d.Body, []signature.Secret{signature.NewSecret(secret)}, time.Now())
				require.NotEmpty(t, verified)
				require.True(t, verified[0].OK, verified[0].Reason)
				require.Contains(t, string(d.Body), `"type":"message.received"`)
				require.Contains(t, string(d.Body), `"text":"When do you open?"`)
			}
			if c.why != "" {
				require.Contains(t, b.handedOver(b.number, c.why).Detail, c.detail)
				return
			}
			require.Empty(t, b.conversation(b.number).AI.Off)
		})
	}
}

// An address that leads into the operator's own network is refused when it is dialled.
func TestForbiddenAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	reached := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	t.Cleanup(reached.Close)
	b.Responder.http.Transport = deliver.NewTransport(deliver.NewGuard(deliver.Allowed{}, true), deliver.Options{}, 0)
	b.set(b.number, func(r *models.Replies) { r.URL = reached.URL })
	b.hear(b.number, customer, "Hello")
	b.work()
	require.Contains(t, b.handedOver(b.number, byFailure).Detail, "leads to a place that the gateway may not reach")
}

// A number whose model hangs takes some places and no more; others are answered meanwhile.
func TestAHangingModelHoldsUpNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other := b.newNumber("700", "15550100300")
	hanging := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // so that the server sees the caller leave
		<-r.Context().Done()
	}))
	t.Cleanup(hanging.Close)
	b.set(other, func(r *models.Replies) { r.URL = hanging.URL })
	ctx, stop := context.WithCancel(t.Context())
	var busy sync.WaitGroup
	for i := range perNumber {
		b.hear(other, fmt.Sprintf("155501773%02d", i), "Hello")
	}
	ws := b.asked()
	for _, w := range ws {
		busy.Go(func() { require.ErrorIs(t, b.Do(ctx, w, nil), context.Canceled) })
	}
	require.Eventually(t, func() bool {
		b.Responder.mu.Lock()
		defer b.Responder.mu.Unlock()
		return b.busy[other.ID] == perNumber
	}, 5*time.Second, time.Millisecond)
	require.ErrorIs(t, b.Do(t.Context(), ws[0], nil), deliver.ErrSlow)

	b.hear(b.number, customer, "Hello")
	for _, w := range b.asked() {
		if w.WebhookID == b.number.ID {
			require.NoError(t, b.Do(t.Context(), w, nil))
		}
	}
	require.Len(t, b.byAI(), 1)
	stop()
	busy.Wait()
	require.Empty(t, b.busy)
}

func TestTry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	settings, err := b.store.RepliesOf(t.Context(), b.number.ID)
	require.NoError(t, err)
	settings.Active, settings.Fallback = false, "One moment."
	try := func(text string) Trial {
		got, err := b.Try(t.Context(), settings, text)
		require.NoError(t, err)
		got.Took = 0
		return got
	}
	require.Equal(t, Trial{Outcome: WouldAnswer, Text: "You said: Open? (turn 1)"}, try("Open?"))
	require.Equal(t, Trial{Outcome: WouldHandOver, Text: "One moment.", Reason: "keyword", Detail: "the customer asked for a person"}, try("agent"))
	own := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, d fanouttest.Delivery) {
		require.Contains(t, string(d.Body), `"text":"Open?"`)
		w.WriteHeader(http.StatusNoContent)
	})
	settings.Kind, settings.URL = models.RepliesByResponder, own.URL
	require.Equal(t, Trial{Outcome: WouldBeSilent}, try("Open?"))
	require.Empty(t, b.byAI())
	ended, end := context.WithCancel(t.Context())
	end()
	_, err = b.Try(ended, settings, "Open?")
	require.ErrorIs(t, err, context.Canceled)
}
