package modelstest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"wabagate/models"
)

// writer translates as the gateway does: what its routes say of the webhook decides what is held. It notes what it owed
// as pending.
type writer struct {
	w      *world
	routes *models.Routes
	live   []int64
}

func (v *writer) add(key string) (int64, error) {
	e := v.w.event(key)
	for {
		if v.routes == nil {
			var err error
			if v.routes, err = v.w.LoadRoutes(v.w.ctx); err != nil {
				return 0, err
			}
		}
		h := v.routes.Webhooks[v.w.webhook.ID]
		d := models.Delivery{EventID: e.ID, WebhookID: h.ID}
		if !h.Active || h.CatchingUp {
			d.State = models.Held
		}
		err := v.w.Translate(v.w.ctx, func(tx models.Translation) error {
			return tx.Write(v.w.ctx, models.Changes{Events: []models.Event{e}, Deliveries: []models.Delivery{d}, RoutesVersion: v.routes.Version})
		})
		if errors.Is(err, models.ErrRoutesChanged) {
			v.routes = nil
			continue
		}
		if err == nil && d.State == models.Pending {
			v.live = append(v.live, e.ID)
		}
		return e.ID, err
	}
}

// runJob steps a job to its end, delivering what it hands out, and answers what that was.
func (w *world) runJob(id int64, n int) (handed []int64) {
	w.t.Helper()
	for range 2000 {
		j, ws := w.step(id, n)
		if j.State != models.JobRunning {
			w.equal("released as answered", []any{j.State, j.Released, j.Succeeded}, []any{models.JobDone, len(handed), len(handed)})
			return handed
		}
		for _, work := range ws {
			handed = append(handed, w.deliver(work, 200)...)
		}
	}
	w.t.Fatal("the job does not end")
	return nil
}

// testCatchUpBeside: a webhook is switched on while events keep coming. Each is handed out once, in order, until the job
// has caught up; what comes after is delivered at once, and overtakes nothing.
func testCatchUpBeside(_ *testing.T, w *world) {
	w.disable(w.webhook.ID, models.ByFailures, "r")
	all := w.held(40)
	v := &writer{w: w}
	stop, stopped := make(chan bool), make(chan error, 1)
	go func() {
		for i := 0; ; i++ {
			id, err := v.add(fmt.Sprint("beside ", i))
			if err != nil {
				stopped <- err
				return
			}
			all = append(all, id)
			select {
			case <-stop:
				if len(v.live) > 20 {
					stopped <- nil
					return
				}
			default:
			}
		}
	}()
	time.Sleep(20 * time.Millisecond)
	_, j, err := w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, true)
	w.ok(err)
	handed := w.runJob(j.ID, 15)
	close(stop)
	w.ok(<-stopped)
	w.equal("each once and in order", append(handed, v.live...), all)
	w.equal("none left", []any{w.countHeld(), w.catchingUp(), len(handed) > 40}, []any{0, false, true})
}

// testCatchUpLast: a translation that holds something is about to commit while a catch-up takes its last step. The step
// waits for it and hands that out too, or events that come after it would be delivered before it.
func testCatchUpLast(_ *testing.T, w *world) {
	held := w.held(3)
	j := w.job(models.CatchUp, models.JobFilter{})
	version := w.routes().Version
	late := w.event("the last that is held")
	written, stepping := make(chan bool), make(chan bool)
	translated := make(chan error, 1)
	go func() {
		translated <- w.Translate(w.ctx, func(tx models.Translation) error {
			err := tx.Write(w.ctx, models.Changes{Events: []models.Event{late}, RoutesVersion: version,
				Deliveries: []models.Delivery{{EventID: late.ID, WebhookID: w.webhook.ID, State: models.Held}}})
			close(written)
			<-stepping
			time.Sleep(100 * time.Millisecond) // the step is on its way
			return err
		})
	}()
	<-written
	close(stepping)
	_, ws := w.step(j.ID, 10)
	w.ok(<-translated)
	w.equal("all of them", []any{members(ws), w.countHeld(), w.catchingUp()}, []any{append(held, late.ID), 0, false})
}

// testCatchUpRush: many writers at once, and the webhook switched off and on meanwhile. Nothing is left and nothing is
// handed out twice.
func testCatchUpRush(_ *testing.T, w *world) {
	const writers, each = 4, 60
	var wg sync.WaitGroup
	vs := make([]*writer, writers)
	errs := make([]error, writers)
	for i := range vs {
		vs[i] = &writer{w: w}
		wg.Go(func() {
			for n := range each {
				if _, err := vs[i].add(fmt.Sprint("rush ", i, " ", n)); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	var handed []int64
	for range 3 {
		w.disable(w.webhook.ID, models.ByFailures, "r")
		time.Sleep(30 * time.Millisecond)
		_, j, err := w.ResumeWebhook(w.ctx, w.business, w.webhook.ID, true)
		w.ok(err)
		handed = append(handed, w.runJob(j.ID, 7)...)
	}
	wg.Wait()
	w.ok(errors.Join(errs...))
	for _, v := range vs {
		handed = append(handed, v.live...)
	}
	w.equal("none left", w.countHeld(), 0)
	slices.Sort(handed)
	w.equal("each once", []int{len(handed), len(slices.Compact(handed))}, []int{writers * each, writers * each})
}

func testStepTwice(_ *testing.T, w *world) {
	held := w.held(300)
	j := w.job(models.CatchUp, models.JobFilter{})
	for w.countHeld() > 0 {
		var wg sync.WaitGroup
		var answers [3][]models.Work
		var errs [3]error
		for i := range answers {
			wg.Go(func() { _, answers[i], errs[i] = w.StepJob(w.ctx, j.ID, 50) })
		}
		wg.Wait()
		w.ok(errors.Join(errs[:]...))
		ws := slices.Concat(answers[:]...)
		w.equal("one of them", members(ws), held[:50])
		held = held[50:]
		for _, work := range ws {
			w.deliver(work, 200)
		}
	}
	w.equal("all", len(held), 0)
}

// testJobCrash: whoever steps a job may die at any moment; what it had answered is in the outbox, and the next goes on.
func testJobCrash(_ *testing.T, w *world) {
	held := w.held(25)
	j := w.job(models.CatchUp, models.JobFilter{})
	_, _ = w.step(j.ID, 10) // whose answer is lost
	ws := w.unfinished()
	w.equal("found by the reconciler", []any{len(ws), ws[0].JobID, ws[0].Members}, []any{1, j.ID, held[:10]})
	running, err := w.RunningJobs(w.ctx)
	w.ok(err)
	w.equal("found by the next", []any{len(running), running[0].ID, running[0].Cursor}, []any{1, j.ID, held[9]})
	_, none := w.step(j.ID, 10)
	w.equal("nothing twice", len(none), 0)
	got := w.deliver(ws[0], 200)
	w.equal("in order to the end", append(got, w.rest(j.ID)...), held)
}

// rest runs a job that has handed out something before.
func (w *world) rest(id int64) (handed []int64) {
	w.t.Helper()
	for {
		j, ws := w.step(id, 10)
		if j.State != models.JobRunning {
			return handed
		}
		for _, work := range ws {
			handed = append(handed, w.deliver(work, 200)...)
		}
	}
}
