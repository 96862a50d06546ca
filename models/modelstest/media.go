package modelstest

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// medium is one of the world's number.
func (w *world) medium(id, wamid string, conversation int64) models.Media {
	return models.Media{ID: w.NextID(), BusinessID: w.business, NumberID: w.number.ID, MediaID: id, Wamid: wamid, ConversationID: conversation,
		Kind: "image", MimeType: "image/jpeg", ClaimedSHA256: "q83v", DueAt: time.Now().Add(-time.Second)}
}

func (w *world) media(id string) models.Media {
	w.t.Helper()
	m, err := w.MediaOf(w.ctx, w.number.ID, id)
	w.ok(err)
	return m
}

func (w *world) claim(id string) models.Media {
	w.t.Helper()
	m, mine, err := w.ClaimMedia(w.ctx, w.media(id).ID, time.Now(), time.Now().Add(time.Minute))
	w.ok(err)
	w.equal("claimed "+id, mine, true)
	return m
}

// keep fetches a medium as far as the database goes.
func (w *world) keep(id, content string) models.MediaFile {
	w.t.Helper()
	m := w.claim(id)
	f, err := w.ReserveFile(w.ctx, m, content, 7)
	w.ok(err)
	w.ok(w.FileStored(w.ctx, f.ID))
	w.ok(w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: m.Attempts, State: models.MediaKept, MimeType: "image/png"}))
	return f
}

func (w *world) doomed() (ids []int64) {
	w.t.Helper()
	files, err := w.DoomFiles(w.ctx, 100)
	w.ok(err)
	for _, f := range files {
		ids = append(ids, f.ID)
	}
	return ids
}

func (w *world) dueMedia() (ids []string) {
	w.t.Helper()
	ms, err := w.DueMedia(w.ctx, time.Now(), nil, 100)
	w.ok(err)
	for _, m := range ms {
		ids = append(ids, m.MediaID)
	}
	return ids
}

// testMedia: from the message to the file, and what another attempt, another process and another business may do.
func testMedia(_ *testing.T, w *world) {
	w.write(models.Changes{Media: []models.Media{w.medium("1", "wamid.1", 5)}})
	w.equal("a number that does not fetch ahead", w.dueMedia(), []string(nil))
	_, err := w.MediaAhead(w.ctx, w.otherBusiness(), w.number.ID)
	w.is(err, models.ErrNotFound)
	w.is(w.SetMediaAhead(w.ctx, w.otherBusiness(), w.number.ID, true), models.ErrNotFound)
	w.ok(w.SetMediaAhead(w.ctx, w.business, w.number.ID, true))
	ahead, err := w.MediaAhead(w.ctx, w.business, w.number.ID)
	w.ok(err)
	w.equal("ahead", ahead, true)

	old := w.medium("3", "wamid.3", 5)
	old.DueAt = time.Time{} // of the past
	named := w.medium("2", "wamid.2", 5)
	named.Filename = "quote\x00 é.pdf"
	w.write(models.Changes{Media: []models.Media{named, old, named}})
	w.write(models.Changes{Media: []models.Media{w.medium("2", "wamid.other", 9)}})
	w.equal("due", w.dueMedia(), []string{"2"})
	m := w.media("2")
	w.equal("as the message has it", []any{m.Wamid, m.ConversationID, m.Kind, m.MimeType, m.Filename, m.ClaimedSHA256, m.State, m.BusinessID},
		[]any{"wamid.2", 5, "image", "image/jpeg", "quote\ufffd é.pdf", "q83v", models.MediaWanted, w.business})

	m, mine, err := w.ClaimMedia(w.ctx, m.ID, time.Now(), time.Now().Add(time.Minute))
	w.ok(err)
	w.equal("claimed", []any{mine, m.State, m.Attempts}, []any{true, models.MediaFetching, 1})
	w.equal("under way", w.dueMedia(), []string(nil))
	_, mine, err = w.ClaimMedia(w.ctx, m.ID, time.Now(), time.Now().Add(time.Minute))
	w.ok(err)
	w.equal("claimed by two", mine, false)
	later := time.Now().Add(2 * time.Minute)
	left, err := w.DueMedia(w.ctx, later, nil, 10)
	w.ok(err)
	w.equal("found when its fetcher died", len(left), 1)
	again, mine, err := w.ClaimMedia(w.ctx, m.ID, later, later.Add(time.Minute))
	w.ok(err)
	w.equal("claimed after it died", []any{mine, again.Attempts}, []any{true, 2})
	w.is(w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: 1, State: models.MediaKept}), models.ErrNotFound)
	_, err = w.ReserveFile(w.ctx, m, "aa", 7)
	w.is(err, models.ErrNotFound)
	_, _, err = w.ClaimMedia(w.ctx, w.NextID(), time.Now(), later)
	w.is(err, models.ErrNotFound)

	w.ok(w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: 2, State: models.MediaWanted, DueAt: time.Now().Add(-time.Second), Failure: "unreachable", Reason: "no answer"}))
	w.equal("another attempt", w.dueMedia(), []string{"2"})
	f := w.keep("2", "aa")
	m = w.media("2")
	w.equal("kept", []any{m.State, m.File, m.SHA256, m.Size, m.MimeType, m.Attempts, m.Failure, m.SettledAt.IsZero(), m.DueAt.IsZero()},
		[]any{models.MediaKept, f.ID, "aa", 7, "image/png", 3, "", false, true})
	_, mine, err = w.ClaimMedia(w.ctx, m.ID, later, later)
	w.ok(err)
	w.equal("claimed though it is kept", mine, false)

	asked := models.Media{BusinessID: w.business, NumberID: w.number.ID, MediaID: "4"}
	one, err := w.EnsureMedia(w.ctx, asked)
	w.ok(err)
	two, err := w.EnsureMedia(w.ctx, asked)
	w.ok(err)
	w.equal("made once", one, two)
	w.write(models.Changes{Media: []models.Media{w.medium("4", "wamid.4", 6)}})
	two = w.media("4")
	w.equal("its message came later", []any{two.ID == one.ID, two.Wamid, two.ConversationID, two.Kind}, []any{true, "wamid.4", 6, "image"})
	w.claim("4")
	w.ok(w.SettleMedia(w.ctx, models.MediaResult{ID: one.ID, Attempt: 1, State: models.MediaFailed, Failure: "gone", Reason: "it is gone"}))
	two = w.media("4")
	w.equal("failed", []any{two.State, two.Failure, two.Reason, two.DueAt.IsZero()}, []any{models.MediaFailed, "gone", "it is gone", true})
}

// testMediaTold: what became of a file is due until everybody heard of it, where its message is known.
func testMediaTold(_ *testing.T, w *world) {
	w.write(models.Changes{Media: []models.Media{w.medium("1", "wamid.1", 5)}})
	_, err := w.EnsureMedia(w.ctx, models.Media{BusinessID: w.business, NumberID: w.number.ID, MediaID: "2"})
	w.ok(err)
	for _, id := range []string{"1", "2"} {
		m := w.claim(id)
		w.ok(w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: m.Attempts, State: models.MediaFailed, DueAt: time.Now().Add(-time.Second), Failure: "gone"}))
	}
	w.equal("to be told", w.dueMedia(), []string{"1"})
	w.ok(w.MediaTold(w.ctx, w.media("1").ID, time.Now().Add(-time.Minute)))
	w.equal("to be told again", w.dueMedia(), []string{"1"})
	w.ok(w.MediaTold(w.ctx, w.media("1").ID, time.Time{}))
	w.equal("told", w.dueMedia(), []string(nil))

	w.ok(w.SetMediaAhead(w.ctx, w.business, w.number.ID, true))
	w.write(models.Changes{Media: []models.Media{w.medium("3", "wamid.3", 5)}})
	w.ok(w.MediaTold(w.ctx, w.media("3").ID, time.Time{}))
	w.equal("not settled", w.dueMedia(), []string{"3"})

	f := w.keep("3", "aa")
	w.ok(w.DeleteMedia(w.ctx, w.number.ID, "3"))
	w.equal("doomed", w.doomed(), []int64{f.ID})
	w.is(w.FileStored(w.ctx, f.ID), models.ErrNotFound)
	w.ok(w.ForgetFiles(w.ctx, []int64{f.ID}))
	w.is(w.FileStored(w.ctx, f.ID), models.ErrNotFound)
}

// testMediaTurns: a number with many due media does not hide another's.
func testMediaTurns(_ *testing.T, w *world) {
	other, err := w.CreateNumber(w.ctx, models.Number{BusinessID: w.business, PhoneNumberID: "turns"})
	w.ok(err)
	for _, id := range []int64{w.number.ID, other.ID} {
		w.ok(w.SetMediaAhead(w.ctx, w.business, id, true))
	}
	var c models.Changes
	for i := range 40 {
		m := w.medium(fmt.Sprint(i), fmt.Sprint("wamid.", i), 1)
		m.DueAt = time.Now().Add(-time.Hour)
		c.Media = append(c.Media, m)
	}
	last := w.medium("last", "wamid.last", 1)
	last.NumberID = other.ID
	c.Media = append(c.Media, last)
	w.write(c)
	list, err := w.DueMedia(w.ctx, time.Now(), nil, 20)
	w.ok(err)
	w.equal("a few of each", []any{len(list), list[len(list)-1].MediaID}, []any{11, "last"})
	list, err = w.DueMedia(w.ctx, time.Now(), []int64{w.number.ID}, 20)
	w.ok(err)
	w.equal("while one rests", []any{len(list), list[0].MediaID}, []any{1, "last"})
}

// testMediaFiles: a file stays as long as one medium has it, and never longer.
func testMediaFiles(_ *testing.T, w *world) {
	w.write(models.Changes{Media: []models.Media{w.medium("1", "wamid.1", 1), w.medium("2", "wamid.2", 2), w.medium("3", "wamid.3", 3), w.medium("4", "wamid.4", 4)}})
	a := w.keep("1", "aa")
	w.equal("shared", w.keep("2", "aa"), models.MediaFile{ID: a.ID, BusinessID: w.business, SHA256: "aa", Size: 7, Stored: true})
	b := w.keep("3", "bb")
	w.equal("nothing is doomed", w.doomed(), []int64(nil))

	w.is(w.DeleteMedia(w.ctx, w.number.ID, "none"), models.ErrNotFound)
	w.ok(w.DeleteMedia(w.ctx, w.number.ID, "1"))
	w.is(w.DeleteMedia(w.ctx, w.number.ID, "1"), models.ErrNotFound)
	w.equal("deleted", []any{w.media("1").State, w.media("1").File}, []any{models.MediaDeleted, 0})
	w.equal("the other has it", w.doomed(), []int64(nil))
	w.ok(w.DeleteMedia(w.ctx, w.number.ID, "2"))
	w.equal("nobody has it", w.doomed(), []int64{a.ID})
	w.equal("until it is forgotten", w.doomed(), []int64{a.ID})
	fresh := w.keep("4", "aa")
	w.equal("the same content again", fresh.ID != a.ID && !fresh.Stored, true)
	w.ok(w.ForgetFiles(w.ctx, []int64{a.ID, b.ID}))
	w.equal("forgotten", w.doomed(), []int64(nil))
	w.equal("not doomed, not forgotten", w.media("3").SHA256, "bb")

	w.ok(w.FileLost(w.ctx, b.ID))
	w.equal("lost", w.media("3").State, models.MediaWanted)
	again := w.keep("3", "cc")
	w.equal("its old file", w.doomed(), []int64{b.ID})

	// Who is fetching when the medium goes has reserved a file for nobody.
	w.write(models.Changes{Media: []models.Media{w.medium("5", "wamid.5", 5)}})
	m := w.claim("5")
	late, err := w.ReserveFile(w.ctx, m, "dd", 7)
	w.ok(err)
	w.ok(w.DeleteMedia(w.ctx, w.number.ID, "5"))
	w.is(w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: m.Attempts, State: models.MediaKept}), models.ErrNotFound)
	w.equal("reserved for nobody", w.doomed(), []int64{b.ID, late.ID})
	w.ok(w.ForgetFiles(w.ctx, []int64{b.ID, late.ID}))

	n, err := w.ExpireMedia(w.ctx, time.Now().Add(-time.Hour), 100)
	w.ok(err)
	w.equal("nothing is old", n, 0)
	n, err = w.ExpireMedia(w.ctx, time.Now().Add(time.Hour), 3)
	w.ok(err)
	w.equal("the oldest", n, 3)
	n, err = w.ExpireMedia(w.ctx, time.Now().Add(time.Hour), 100)
	w.ok(err)
	w.equal("the rest", n, 2)
	w.equal("their files", w.doomed(), []int64{fresh.ID, again.ID})
	_, err = w.MediaOf(w.ctx, w.number.ID, "3")
	w.is(err, models.ErrNotFound)
}

// testMediaTakenBack: who sent a message takes its file back with it, whichever comes first, and an erasure takes all.
func testMediaTakenBack(_ *testing.T, w *world) {
	w.ok(w.SetMediaAhead(w.ctx, w.business, w.number.ID, true))
	message := func(wamid string, conversation int64, deleted bool) models.Message {
		m := models.Message{NumberID: w.number.ID, Wamid: wamid, ConversationID: conversation, Inbound: true, Type: "image", SentAt: time.Now()}
		if deleted {
			m.Type, m.DeletedAt = "", time.Now()
		}
		return m
	}
	w.write(models.Changes{Messages: []models.Message{message("wamid.1", 901, false)}, Media: []models.Media{w.medium("1", "wamid.1", 901)}})
	f := w.keep("1", "aa")
	w.write(models.Changes{Messages: []models.Message{message("wamid.1", 901, true)}})
	w.equal("deleted after", []any{w.media("1").State, w.doomed()}, []any{models.MediaDeleted, []int64{f.ID}})
	w.write(models.Changes{Messages: []models.Message{message("wamid.2", 901, true)}})
	w.write(models.Changes{Messages: []models.Message{message("wamid.2", 901, false)}, Media: []models.Media{w.medium("2", "wamid.2", 901)}})
	w.equal("deleted before", []any{w.media("2").State, w.dueMedia()}, []any{models.MediaDeleted, []string(nil)})
	w.ok(w.ForgetFiles(w.ctx, []int64{f.ID}))

	p, q := w.people(w.ref("15550001", "", true))[0], w.people(w.ref("15550002", "", true))[0]
	stray := w.said(0, "message.received", fmt.Sprintf(`{"contact":{"id":%d,"name":"Ada"},"message":{"id":"wamid.stray"}}`, p.Contact.ID))
	w.write(models.Changes{Events: []models.Event{stray}, Media: []models.Media{w.medium("3", "wamid.3", p.Conversation.ID), w.medium("4", "wamid.4", q.Conversation.ID), w.medium("5", "wamid.stray", 0)}})
	theirs, own, strays := w.keep("4", "bb"), w.keep("3", "cc"), w.keep("5", "dd")
	var e models.Erasure
	for e.ErasedAt.IsZero() {
		var err error
		e, err = w.Erase(w.ctx, w.business, p.Contact.ID, "key", time.Second)
		w.ok(err)
	}
	w.equal("erased", e.Counts["media"], 2)
	w.equal("their files", w.doomed(), []int64{own.ID, strays.ID})
	w.equal("another contact's", w.media("4").File, theirs.ID)
}

// testMediaRush: claims, deletions and sweeps at once leave no kept medium without its file, and no file without a medium.
func testMediaRush(t *testing.T, w *world) {
	const media, contents = 40, 5
	var c models.Changes
	for i := range media {
		c.Media = append(c.Media, w.medium(fmt.Sprint(i), fmt.Sprint("wamid.", i), 1))
	}
	w.write(c)
	var mu sync.Mutex
	stored := map[int64]bool{} // what a keeper would hold
	var wg sync.WaitGroup
	fail := func(what string, err error) { t.Errorf("%s: %v", what, err) }
	for part := range 4 {
		wg.Go(func() {
			for i := part; i < media; i += 4 {
				m, mine, err := w.ClaimMedia(w.ctx, c.Media[i].ID, time.Now(), time.Now().Add(time.Minute))
				if err != nil || !mine {
					fail("claim", err)
					continue
				}
				f, err := w.ReserveFile(w.ctx, m, strings.Repeat("a", 1+i%contents), 7)
				if err != nil {
					fail("reserve", err)
					continue
				}
				mu.Lock()
				stored[f.ID] = true
				mu.Unlock()
				if err := w.SettleMedia(w.ctx, models.MediaResult{ID: m.ID, Attempt: m.Attempts, State: models.MediaKept}); err != nil {
					fail("settle", err)
				}
				if i%3 > 0 {
					if err := w.DeleteMedia(w.ctx, w.number.ID, m.MediaID); err != nil {
						fail("delete", err)
					}
				}
			}
		})
	}
	sweep := func() {
		files, err := w.DoomFiles(w.ctx, 3)
		if err != nil {
			fail("doom", err)
			return
		}
		for _, f := range files {
			mu.Lock()
			delete(stored, f.ID)
			mu.Unlock()
			if err := w.ForgetFiles(w.ctx, []int64{f.ID}); err != nil {
				fail("forget", err)
			}
		}
	}
	done := make(chan struct{})
	var sweeps sync.WaitGroup
	sweeps.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				sweep()
			}
		}
	})
	wg.Wait()
	close(done)
	sweeps.Wait()
	for range media {
		sweep()
	}
	held := map[int64]bool{}
	for i := 0; i < media; i += 3 {
		m := w.media(fmt.Sprint(i))
		if held[m.File] = true; m.State != models.MediaKept || !stored[m.File] {
			t.Errorf("medium %d: state %v, file %d stored %v", i, m.State, m.File, stored[m.File])
		}
	}
	w.equal("files and who has them", len(stored), len(held))
}

// testLinkKey: one key for all, whoever asks first.
func testLinkKey(_ *testing.T, w *world) {
	keys := make([]models.Secret, 4)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() { keys[i], _ = w.LinkKey(w.ctx) })
	}
	wg.Wait()
	for _, k := range keys {
		w.equal("the same", k.Text() == keys[0].Text() && len(k.Text()) == 43, true)
	}
	_, err := w.RotateKeys(w.ctx, nil)
	w.ok(err)
	after, err := w.LinkKey(w.ctx)
	w.ok(err)
	w.equal("after the data keys were rotated", after.Text(), keys[0].Text())
}
