"use strict";
(function () {
  document.documentElement.classList.add("js");
  var BLINK_MS = 700, STEP = 5, MOST_ZOOM = 8, PARTS = 12, REACH_PX = 14;

  function viewer(root) {
    var stage = root.querySelector(".stage"), after = root.querySelector(".after");
    var before = root.querySelector(".before"), handle = root.querySelector(".handle");
    var slider = root.querySelector("input[type=range]"), tip = root.querySelector(".tip");
    var worlds = root.querySelectorAll(".world"), first = tip.textContent;
    var hairs = Array.prototype.slice.call(root.querySelectorAll(".hair"));
    var lines = null;
    var blink = root.querySelector("[data-act=blink]"), marks = root.querySelector("[data-act=marks]");
    var zoom = 1, left = 0, top = 0, timer = null, chosen = -1, drag = null;

    function slide() {
      var share = Number(slider.value);
      after.style.clipPath = "inset(0 0 0 " + share + "%)";
      handle.style.left = share + "%";
      stage.dataset.share = String(share);
    }
    function show(percent) { slider.value = String(Math.max(0, Math.min(100, percent))); slide(); }
    function place() {
      var box = stage.getBoundingClientRect();
      left = Math.min(0, Math.max(left, box.width * (1 - zoom)));
      top = Math.min(0, Math.max(top, box.height * (1 - zoom)));
      worlds.forEach(function (world) {
        world.style.transform = "translate(" + left + "px," + top + "px) scale(" + zoom + ")";
      });
      stage.dataset.zoom = String(zoom);
    }
    function zoomTo(value, x, y) {
      var box = stage.getBoundingClientRect(), old = zoom;
      if (x === undefined) { x = box.width / 2; y = box.height / 2; }
      zoom = Math.max(1, Math.min(MOST_ZOOM, value));
      left = x - (x - left) * zoom / old;
      top = y - (y - top) * zoom / old;
      place();
    }
    function stopBlink() {
      if (timer === null) { return; }
      clearInterval(timer);
      timer = null;
      blink.setAttribute("aria-pressed", "false");
      blink.textContent = blink.dataset.off;
      handle.style.visibility = "";
      slide();
    }
    function flip() {
      var hidden = stage.dataset.face !== "before";
      after.style.clipPath = hidden ? "inset(0 0 0 100%)" : "inset(0)";
      stage.dataset.face = hidden ? "before" : "after";
    }
    function toggleBlink() {
      if (timer !== null) { stopBlink(); return; }
      blink.setAttribute("aria-pressed", "true");
      blink.textContent = blink.dataset.on;
      handle.style.visibility = "hidden";
      flip();
      timer = setInterval(flip, BLINK_MS);
    }
    function toggleMarks() {
      var on = root.classList.toggle("nohairs");
      marks.setAttribute("aria-pressed", on ? "false" : "true");
    }
    function points(hair) {
      var line = hair.querySelector(".line"), long = line.getTotalLength(), found = [], at;
      for (var part = 0; part <= PARTS; part += 1) {
        at = line.getPointAtLength(long * part / PARTS);
        found.push([at.x, at.y]);
      }
      return found;
    }
    function shownPane(event) {
      if (timer !== null) { return stage.dataset.face === "before" ? before : after; }
      return share(event) < Number(slider.value) ? before : after;
    }
    function nearest(event) {
      var pane = shownPane(event), svg = pane.querySelector(".layer"), best = null, least = REACH_PX;
      if (!svg) { return null; }
      lines = lines || hairs.map(points);
      var places = svg.getScreenCTM(), wide = places.a;
      var x = (event.clientX - places.e) / wide, y = (event.clientY - places.f) / wide;
      hairs.forEach(function (hair, number) {
        if (!pane.contains(hair)) { return; }
        lines[number].forEach(function (at) {
          var far = wide * Math.hypot(at[0] - x, at[1] - y);
          if (far < least) { least = far; best = hair; }
        });
      });
      return best;
    }
    function tell(hair) {
      hairs.forEach(function (other) { other.classList.toggle("on", other === hair); });
      tip.textContent = hair ? hair.querySelector("title").textContent : first;
    }
    function step(by) {
      if (!hairs.length) { return; }
      chosen = (chosen + by + hairs.length) % hairs.length;
      tell(hairs[chosen]);
      show(after.contains(hairs[chosen]) ? 0 : 100);
    }
    function share(event) {
      var box = stage.getBoundingClientRect();
      return 100 * (event.clientX - box.left) / box.width;
    }
    var acts = {
      blink: toggleBlink, marks: toggleMarks,
      in: function () { zoomTo(zoom * 1.5); }, out: function () { zoomTo(zoom / 1.5); },
      reset: function () { zoomTo(1); }, next: function () { step(1); }, previous: function () { step(-1); }
    };
    root.querySelectorAll("button[data-act]").forEach(function (button) {
      button.addEventListener("click", function () {
        if (button.dataset.act !== "blink") { stopBlink(); }
        acts[button.dataset.act]();
      });
    });
    slider.addEventListener("input", function () { stopBlink(); slide(); });
    function pointAt(event) {
      var hair = nearest(event);
      if (hair && chosen !== hairs.indexOf(hair)) { chosen = hairs.indexOf(hair); tell(hair); }
      return hair;
    }
    stage.addEventListener("pointerdown", function (event) {
      var hair = pointAt(event);
      drag = { x: event.clientX, y: event.clientY, left: left, top: top };
      stage.setPointerCapture(event.pointerId);
      if (zoom === 1 && !hair) { stopBlink(); show(share(event)); }
    });
    stage.addEventListener("pointermove", function (event) {
      if (!drag) { pointAt(event); return; }
      if (zoom > 1) {
        left = drag.left + event.clientX - drag.x;
        top = drag.top + event.clientY - drag.y;
        place();
      } else { stopBlink(); show(share(event)); }
    });
    ["pointerup", "pointercancel"].forEach(function (name) {
      stage.addEventListener(name, function () { drag = null; });
    });
    stage.addEventListener("wheel", function (event) {
      if (!event.ctrlKey) { return; }
      event.preventDefault();
      var box = stage.getBoundingClientRect();
      zoomTo(zoom * (event.deltaY < 0 ? 1.2 : 1 / 1.2), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
    stage.addEventListener("keydown", function (event) {
      var key = event.key, moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
      if (event.ctrlKey || event.metaKey || event.altKey) { return; }
      if (moves[key] && event.shiftKey) {
        left += 40 * moves[key][0];
        top += 40 * moves[key][1];
        place();
      } else if (key === "ArrowLeft" || key === "ArrowRight") {
        stopBlink();
        show(Number(slider.value) + (key === "ArrowLeft" ? -STEP : STEP));
      } else if (key === "b" || key === "B") { toggleBlink();
      } else if (key === "+" || key === "=") { acts.in();
      } else if (key === "-") { acts.out();
      } else if (key === "n" || key === "N") { stopBlink(); step(1);
      } else if (key === "p" || key === "P") { stopBlink(); step(-1);
      } else { return; }
      event.preventDefault();
    });
    slide();
  }

  document.querySelectorAll(".viewer").forEach(viewer);
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.filter.call(document.querySelectorAll("details"), function (part) { return !part.open; });
    opened.forEach(function (part) { part.open = true; });
  });
  window.addEventListener("afterprint", function () { opened.forEach(function (part) { part.open = false; }); });
}());
