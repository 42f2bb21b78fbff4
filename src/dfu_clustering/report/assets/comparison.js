// What happens when the page of a comparison is opened.

startTheme();
startFlows();
startTables();
document.documentElement.dataset.ready = "true";
