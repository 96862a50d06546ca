package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/event"
	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/waba"
	"wabagate/waba/simulator"
)

var updateTable = flag.Bool("update", false, "rewrite the table of what WhatsApp sends")

// tablePath is the table of what WhatsApp sends and which events it gives.
var tablePath = filepath.Join("..", "..", "fanout", "EVENTS.md")

// greetings come besides, whenever a customer or a conversation is new or a customer shows another name; the table leaves
// them out.
var greetings = []string{event.ContactCreated, event.ConversationCreated}

// Everything that WhatsApp sends goes in over HTTP, one kind after the other, and the events that come out at a webhook are
// those of the table, on both pairs of stores.
func TestEverythingWhatsAppSends(t *testing.T) {
	for name, config := range stores {
		t.Run(name, func(t *testing.T) {
			w := startWhole(t, config(t))
			r := fanouttest.NewReceiver(t, nil)
			w.webhook(models.Webhook{Name: "crm", URL: r.URL})
			require.NoError(t, w.store.SetNumberToken(t.Context(), w.made.BusinessID, w.made.NumberID, "unguessable"))
			require.NoError(t, w.directory.Refresh(t.Context()))
			options := simulator.Options{PhoneNumberID: testPNID, WABAID: testWABA, DisplayPhoneNumber: "15550100200", Contacts: 8,
				Start: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}
			cloud := simulator.New(options)
			options.OnPremises, options.Seed = true, 2
			onPremises := simulator.New(options)
			table := newTable()
			seen := 0
			for _, k := range simulator.Kinds() {
				sim := cloud
				if k.OnPremises {
					sim = onPremises
				}
				fact, err := sim.Kind(k.Name)
				require.NoError(t, err)
				body := sim.Callback(fact)
				status := 0
				if k.OnPremises {
					status = w.postTo(w.url+"/webhooks/onprem/unguessable", body)
				} else {
					status = w.post("a", body)
				}
				require.Equal(t, http.StatusOK, status, k.Name)
				w.idle(20 * time.Second)
				all := r.Got()
				table.add(k, upstreamNames(t, k, body), eventTypes(t, all[seen:]))
				seen = len(all)
			}
			for _, n := range r.Counts() {
				require.Equal(t, 1, n)
			}
			table.check(t)
		})
	}
}

// postTo posts a body without a signature.
func (w *whole) postTo(url string, body []byte) int {
	w.t.Helper()
	res, err := http.Post(url, "application/json", bytes.NewReader(body))
	require.NoError(w.t, err)
	require.NoError(w.t, res.Body.Close())
	return res.StatusCode
}

// eventTypes are the types of some deliveries in the default dialect, in order of their events, without greetings.
func eventTypes(t *testing.T, ds []fanouttest.Delivery) []string {
	t.Helper()
	types := []string{}
	for _, d := range ds {
		var body struct{ Type string }
		require.NoError(t, json.Unmarshal(d.Body, &body))
		if !slices.Contains(greetings, body.Type) {
			types = append(types, body.Type)
		}
	}
	slices.Sort(types) // deliveries of one moment go side by side
	return types
}

// table is the document.
type table struct{ rows, types, fields map[string][]string }

func newTable() *table {
	return &table{rows: map[string][]string{}, types: map[string][]string{}, fields: map[string][]string{}}
}

func (x *table) add(k simulator.Kind, upstream string, types []string) {
	field := k.Field
	if k.OnPremises {
		field = "On-Premises style"
	}
	x.fields[field] = append(x.fields[field], k.Name)
	x.rows[field] = append(x.rows[field], fmt.Sprintf("| %s | %s | `%s` | %s |", strings.ReplaceAll(k.About, "|", "/"), upstream, k.Name, ticked(types)))
	for _, typ := range types {
		x.types[typ] = append(x.types[typ], k.Name)
	}
}

// upstreamNames are the platform's own words for what a body holds: types of messages, statuses, kinds of notices.
func upstreamNames(t *testing.T, k simulator.Kind, body []byte) string {
	t.Helper()
	var callback waba.Callback
	var err error
	if k.OnPremises {
		callback, err = waba.ParseOnPremises(body, testPNID, "15550100200")
	} else {
		callback, err = waba.Parse(body)
	}
	require.NoError(t, err)
	names := []string{}
	for _, c := range callback.Changes {
		for _, m := range c.Messages {
			names = append(names, messageName(m))
		}
		for _, m := range c.Echoes {
			names = append(names, messageName(m))
		}
		for _, h := range c.History {
			names = append(names, messageName(h.Message))
		}
		for _, s := range c.Statuses {
			names = append(names, s.Status)
		}
		for _, p := range c.Payments {
			names = append(names, "payment "+p.Status)
		}
		for _, n := range c.Notices {
			names = append(names, strings.TrimSpace(n.Key+" "+n.Kind))
		}
		if len(c.Errors) > 0 {
			names = append(names, "errors")
		}
	}
	slices.Sort(names)
	return ticked(slices.DeleteFunc(names, func(n string) bool { return n == "" }))
}

// messageName is the type of a message and, where that says little, the kind of its content.
func messageName(m waba.Message) string {
	kind := ""
	switch {
	case m.Choice != nil && m.Type == "interactive":
		kind = m.Choice.Kind
	case m.Form != nil:
		kind = "nfm_reply " + m.Form.Name
	case m.Invoice != nil:
		kind = m.Invoice.Kind
	case m.System != nil:
		kind = m.System.Kind
	}
	return strings.TrimSpace(m.Type + " " + kind)
}

// ticked lists types, with a count where one comes several times.
func ticked(types []string) string {
	if len(types) == 0 {
		return "–"
	}
	var out []string
	for i := 0; i < len(types); {
		j := i
		for j < len(types) && types[j] == types[i] {
			j++
		}
		one := "`" + types[i] + "`"
		if j-i > 1 {
			one += fmt.Sprintf(" × %d", j-i)
		}
		out = append(out, one)
		i = j
	}
	return strings.Join(out, ", ")
}

// check compares the document with the file, and what it covers with what the product knows.
func (x *table) check(t *testing.T) {
	t.Helper()
	var doc bytes.Buffer
	doc.WriteString("# What WhatsApp sends, and the events it gives\n\nMade by `go test ./cmd/wabagate -run TestEverythingWhatsAppSends -update`, which posts a fixture of every kind (waba/simulator/kinds) " +
		"to a running gateway.\n`contact.created` and `conversation.created` come besides whenever a customer or a conversation is new.\n")
	names := []string{waba.FieldMessages, waba.FieldEchoes}
	for field := range x.fields {
		if !slices.Contains(names, field) {
			names = append(names, field)
		}
	}
	slices.Sort(names[2:])
	for _, field := range names {
		fmt.Fprintf(&doc, "\n## %s\n\n| what | upstream | fixture | events |\n| --- | --- | --- | --- |\n%s\n", field, strings.Join(x.rows[field], "\n"))
	}
	if *updateTable {
		require.NoError(t, os.WriteFile(tablePath, doc.Bytes(), 0o644))
	}
	want, err := os.ReadFile(tablePath)
	require.NoError(t, err)
	require.Equal(t, string(want), doc.String())

	for _, field := range waba.Fields() {
		require.NotEmpty(t, x.fields[field], "no fixture for the field %s", field)
	}
	for _, typ := range event.Catalogue() {
		if typ.Emitted && !slices.Contains(greetings, typ.Name) {
			if len(x.types[typ.Name]) == 0 && !slices.Contains(elsewhere, typ.Name) {
				t.Errorf("nothing gives %s", typ.Name)
			}
		}
	}
}

// elsewhere are events that one callback alone cannot give; their tests are in package fanout and in those of the flows here.
var elsewhere = []string{event.BroadcastProgress, event.BroadcastCompleted, event.ConversationUpdated,
	event.WebhookFailing, event.WebhookDisabled, event.WebhookRecovered, event.DeliveryExhausted, event.UpstreamSilent, event.MessageUnreported, event.NumberConnected,
	event.MediaReady, event.MediaFailed}
