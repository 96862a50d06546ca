package api_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"wabagate/fanout/fanouttest"
	"wabagate/models"
	"wabagate/waba/wabatest"
)

func (d *driver) broadcasts() {
	t := d.t
	d.does("createBroadcast", 201, `{"reference":"b-1","name":"Elsewhere","template_name":"spring","total_recipients":3}`)
	body := `{"name":"Spring","number_id":` + decimal(d.number.ID) + `,` + templated + `,"recipients":[{"to":"15550177321","variables":{"name":"Ada"}},{"to":"nobody"}]}`
	d.asks("createBroadcast", "dry_run=true", 200, body, nil)
	bc := decode[broadcastAnswer](t, d.does("createBroadcast", 201, body)).ID
	d.asks("addRecipients", "", 200, "to,name\n15550177322,Layla\n15550177322,Again\n,\n", []string{"Content-Type", "text/csv"}, bc)
	d.asks("addRecipients", "dry_run=true", 200, `[{"to":"15550177323","variables":{"name":"Omar"}}]`, nil, bc)
	d.asks("addRecipients", "", 415, "x", []string{"Content-Type", "image/png"}, bc)
	d.seeks("startBroadcast", "dry_run=true", 200, bc)
	d.does("startBroadcast", 200, "", bc)
	d.does("startBroadcast", 409, "", bc)
	d.does("pauseBroadcast", 200, "", bc)
	d.does("resumeBroadcast", 200, "", bc)
	d.does("getBroadcast", 200, "", bc)
	d.seeks("listRecipients", "limit=1", 200, bc)
	d.seeks("listRecipients", "state=waiting", 200, bc)
	d.does("cancelBroadcast", 200, "", bc)
	d.seeks("listBroadcasts", "limit=1", 200)
	d.does("addOptOut", 200, `{"wa_id":"+1 555 017 7321","why":"asked"}`)
	d.does("listOptOuts", 200, "")
	d.seeks("removeOptOut", "wa_id=15550177321", 200)
}

func (d *driver) numbers() {
	t := d.t
	responder := fanouttest.NewReceiver(t, func(w http.ResponseWriter, _ *http.Request, _ fanouttest.Delivery) {
		_, _ = w.Write([]byte(`{"text":"We are."}`))
	})
	connect := `{"phone_number_id":"601","waba_id":"501","name":"Branch","token":"` + wabatest.DefaultToken + `"}`
	n := idOf(t, d.does("connectNumber", 201, connect))
	d.does("connectNumber", 200, connect)
	d.does("connectNumber", 201, `{"phone_number_id":"602"}`)
	d.does("listNumbers", 200, "")
	d.does("getNumber", 200, "", n)
	d.does("updateNumber", 200, `{"rate":90}`, n)
	d.does("checkNumber", 200, "", n)
	d.does("createAddress", 200, "", n)
	d.does("deleteAddress", 200, "", n)
	d.accepted(map[string]string{"w.read": "read"}, "w.read", "w.none", "")
	d.seeks("getReport", "limit=1", 200, d.number.ID)
	d.does("updateMediaSettings", 200, `{"fetch_ahead":true}`, n)
	d.does("getMediaSettings", 200, "", n)
	d.does("getReplies", 200, "", n)
	d.does("updateReplies", 200, `{"url":"https://203.0.113.9/v1","model":"m","key":"k","prompt":"p"}`, n)
	d.does("getReplies", 200, "", n)
	d.does("deleteReplies", 200, "", n)
	d.does("updateReplies", 200, `{"kind":"responder","url":"`+responder.URL+`","secret":"whsec_c2VjcmV0"}`, n)
	d.does("tryReplies", 200, `{"text":"Are you open?"}`, n)
	d.does("disconnectNumber", 200, "", n)
}

func (d *driver) messages(url string) {
	t := d.t
	sent := decode[struct{ Messages []struct{ ID string } }](t, d.does("sendMessage", 202, hello)).Messages[0].ID
	d.does("getMessage", 200, "", sent)
	d.settle(models.SendResult{ID: d.kept(sent).ID, State: models.SendAccepted, Wamid: "wamid.sent/1"})
	d.does("getMessage", 200, "", sent)
	again := []string{"Idempotency-Key", "one"}
	first := d.asks("sendMessage", "", 202, hello, again)
	d.settle(models.SendResult{ID: d.kept(decode[struct{ Messages []struct{ ID string } }](t, first).Messages[0].ID).ID, State: models.SendAccepted, Wamid: "wamid.sent/2"})
	d.asks("sendMessage", "wait=1", 200, hello, again)
	d.asks("sendMessage", "", 422, strings.Replace(hello, "Hi", "Ho", 1), again)
	d.does("sendMessage", 400, `{}`)
	again[1] = "two"
	read := d.asks("markRead", "", 202, `{"status":"read"}`, again, "wamid.in")
	d.settle(models.SendResult{ID: d.kept(decode[struct{ Messages []struct{ ID string } }](t, read).Messages[0].ID).ID, State: models.SendAccepted})
	d.asks("markRead", "wait=1", 200, `{"status":"read"}`, again, "wamid.in")
	d.does("getTimeline", 200, "", "w.read")

	id, err := d.sim.AddMedia(wabatest.Media{PhoneNumberID: "600", MIME: "image/jpeg", Size: 1000})
	require.NoError(t, err)
	d.does("getMedia", 200, "", id)
	d.asks("getMedia", "", 206, "", []string{"Range", "bytes=0-9"}, id)
	d.asks("getMedia", "", 416, "", []string{"Range", "bytes=5000-"}, id)
	d.asks("getMedia", "", 304, "", []string{"If-None-Match", "*"}, id)
	d.asks("uploadMedia", "", 200, "\xff\xd8\xff\xe0 a picture", []string{"Content-Type", "image/jpeg"})
	d.asks("uploadMedia", "", 200, "--x\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n"+
		"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff\xe0\r\n--x--\r\n", []string{"Content-Type", "multipart/form-data; boundary=x"})
	d.does("deleteMedia", 200, "", id)

	d.does("getConfig", 404, "")
	d.does("setConfig", 200, `{"url":"`+url+`","headers":{"X-Key":"k"}}`)
	d.does("getConfig", 200, "")
	d.does("setConfig", 200, `{"url":""}`)
	d.does("deleteConfig", 200, "")
}

func (d *driver) account() {
	t := d.t
	k := idOf(t, d.does("createKey", 201, `{"name":"CI"}`))
	d.does("listKeys", 200, "")
	d.does("renameKey", 200, `{"name":"Build"}`, k)
	k = idOf(t, d.does("regenerateKey", 200, "", k))
	d.does("deleteKey", 200, "", k)
	in := decode[invited](t, d.does("invite", 201, `{"email":"new@example.com","role":"member"}`))
	d.does("getInvitation", 200, "", in.Token)
	d.does("acceptInvitation", 201, `{"token":"`+in.Token+`","name":"Nour","password":"correct horse"}`)
	user := decode[teamAnswer](t, d.does("getTeam", 200, "")).Users[1].ID
	d.does("setRole", 200, `{"role":"read-only"}`, user)
	d.does("removeUser", 200, "", user)
	in = decode[invited](t, d.does("invite", 201, `{"email":"other@example.com","role":"member"}`))
	d.does("getTeam", 200, "")
	d.does("endInvitation", 200, "", in.ID)
	d.seeks("listAudit", "action=webhook.*&limit=2", 200)
	d.does("getMe", 200, "")
	d.does("updateMe", 200, `{"name":"Amal"}`)
	d.startSession(models.User{ID: 1})
	d.does("listSessions", 200, "")
	sessions, err := d.store.Sessions(t.Context(), 1)
	require.NoError(t, err)
	d.does("endSession", 200, "", sessions[0].ID)
	d.does("endOtherSessions", 200, "")
	d.does("changePassword", 200, `{"current_password":"`+password+`","new_password":"battery staple"}`)
	d.does("login", 401, credentials("we@example.com", "nonsense nonsense"))
	d.does("login", 200, credentials("we@example.com", "battery staple"))
	d.does("logout", 200, "")
}

// console drives what operators do.
func (d *driver) console() {
	w := d.webhook()
	for id := range int64(3) {
		require.NoError(d.t, d.enqueue(models.Work{ID: 70 + id, Kind: models.Deliver, WebhookID: w.ID, DueAt: time.Now(), Members: []int64{4711}}))
	}
	const queue = "deliveries-live"
	d.does("pauseQueue", 200, "", queue)
	d.does("resumeQueue", 200, "", queue)
	d.does("pauseQueue", 404, "", "nonsense")
	d.seeks("listTasks", "queue="+queue+"&state=pending", 200)
	d.does("getTask", 200, "", queue, 70)
	d.does("revealTask", 200, "", queue, 70)
	d.does("archiveTask", 200, "", queue, 70)
	d.does("runTask", 200, "", queue, 70)
	d.does("deleteTask", 200, "", queue, 70)
	d.does("getTask", 404, "", queue, 70)
	d.does("changeTasks", 200, `{"action":"archive","queue":"`+queue+`","state":"pending"}`)
	for _, id := range []string{"listTroubles", "getGateway", "listBusinesses", "listApps", "listOperations"} {
		d.does(id, 200, "")
	}
	business := decode[struct{ Business struct{ ID int64 } }](d.t, d.does("createBusiness", 201, `{"name":"Third"}`)).Business.ID
	d.does("getBusiness", 200, "", business)
	d.does("renameBusiness", 200, `{"name":"The third"}`, business)
	d.does("createApp", 201, `{"name":"main","verify_token":"v","secret":"of-the-app"}`)
	d.does("getApp", 200, "", "main")
	d.does("setAppToken", 200, `{"verify_token":"w"}`, "main")
	d.does("addAppSecret", 200, `{"secret":"another"}`, "main")
	d.does("endOldAppSecrets", 200, "", "main")
	d.does("listOperations", 200, "")
}
