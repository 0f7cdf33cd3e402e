// Begin.

const store = (byId("download") ? fileStore : servedStore)({changed: changedElsewhere, reordered});

async function begin() {
  recallTheme();
  recallUndo();
  prepareKeys();
  prepareFilters();
  prepareMany();
  prepareRunning();
  prepareNotes();
  for (const state of data.states) takeChange(state);
  if (store.first) {  // before anything else is asked for
    model.rows[store.first.number] = store.first;
    view.item = [store.first.number];
    draw(store.first);
    model.rows = [];
    drawActions();
  }
  try {
    model.rows = await busyWith(store.rows());
    model.order = [...model.rows.keys()];
    await busyWith(store.takeOrder());
  } catch (error) {
    complain(error.message);
    return;
  }
  regroup();
  await show(0);
  byId("item").focus({preventScroll: true});
}

begin();
