import * as constructs from 'tulle';
import * as testing from 'tulle/testing';

// As Node finds them in the text of a CommonJS module; which they are to be, the test says.
const exported = [...Object.entries(constructs), ...Object.entries(testing)];
const names = exported.filter(([name]) => name !== 'default' && name !== 'module.exports').map(([, { name }]) => name);
console.log(names.sort().join(' '));
